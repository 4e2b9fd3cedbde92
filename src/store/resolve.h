// What the content store answers: plain values, ready to be sent over HTTP with sendfile(2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/file.h"
#include "cid/cid.h"
#include "webpool/tensor.h"

namespace webpool::store {

/// Bytes [offset, offset + length) of an open, read-only file. The descriptor keeps the bytes alive
/// even when the file is removed from the store meanwhile.
struct StoredRegion {
  std::shared_ptr<const base::FileDescriptor> file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

using Content = std::variant<Bytes, StoredRegion>;

std::uint64_t contentSize(const Content& content) noexcept;

/// Reads all of it into memory.
Result<Bytes> readContent(const Content& content);

/// All of it as memory that the kernel reads from the file where it is touched: for content of
/// which little is looked at. The store's files are never changed in place.
Result<Bytes> mapContent(const Content& content);

struct ResolvedFile {
  cid::Cid cid;  ///< of the file, whatever path led there
  Content content;
};

struct DirectoryEntry {
  std::string name;
  cid::Cid cid;
  std::uint64_t dagSize = 0;  ///< as the directory claims; informative
};

struct ResolvedDirectory {
  cid::Cid cid;
  std::vector<DirectoryEntry> entries;  ///< sorted by name
};

using Resolved = std::variant<ResolvedFile, ResolvedDirectory>;

/// One block, as `?format=raw` sends it.
struct Block {
  cid::Cid cid;
  Content content;
};

/// A file somewhere below a root.
struct TreeFile {
  std::string path;  ///< relative to the root, '/' between parts; empty where the root is the file
  cid::Cid cid;
  std::uint64_t size = 0;
};

}  // namespace webpool::store

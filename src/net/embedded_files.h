// Files that are part of the program (the page), put there by webpool_embed() of
// cmake/WebpoolEmbed.cmake, and the lookup that serves them.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <unordered_map>

#include "net/http_types.h"

namespace webpool::net {

/// All of it lives as long as the program.
struct EmbeddedFile {
  std::string_view path;  ///< relative to the embedded folder, '/' between parts: "assets/page.js"
  std::span<const std::byte> bytes;
  std::string_view contentType;
  std::string_view sha256;  ///< lower-case hex
};

/// By the last extension, as browsers want it ("text/javascript" for .js and .mjs,
/// "application/wasm"); "application/octet-stream" for one that is not known.
std::string_view contentTypeFor(std::string_view path) noexcept;

/// Thread-safe once built. The table must outlive it.
class EmbeddedFiles {
 public:
  explicit EmbeddedFiles(std::span<const EmbeddedFile> files);

  /// Null when there is none. A leading '/' is ignored; a path that ends in '/' (or is empty) means
  /// its index.html.
  const EmbeddedFile* find(std::string_view path) const;

  /// The same file compressed with Brotli, which lies beside it under its name with ".br" and is
  /// not found by itself; null where there is none.
  const EmbeddedFile* brotli(const EmbeddedFile& file) const;

  std::span<const EmbeddedFile> all() const noexcept { return files_; }

 private:
  std::span<const EmbeddedFile> files_;
  std::unordered_map<std::string_view, const EmbeddedFile*> byPath_;
  std::unordered_map<const EmbeddedFile*, const EmbeddedFile*> brotli_;
};

/// 200 with ETag and Cache-Control: no-cache (ask again, but don't send again), or 304 when the
/// request's If-None-Match names these bytes.
Response respondWith(const EmbeddedFile& file, const Request& request);

}  // namespace webpool::net

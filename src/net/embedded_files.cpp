#include "net/embedded_files.h"

#include <array>
#include <string>
#include <utility>

namespace webpool::net {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kTypes{{
    {"html", "text/html; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"wasm", "application/wasm"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/plain; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"webp", "image/webp"},
    {"ico", "image/x-icon"},
    {"woff2", "font/woff2"},
    {"wav", "audio/wav"},
}};

/// If-None-Match: "a", W/"b", or *.
bool names(std::string_view ifNoneMatch, std::string_view etag) {
  if (ifNoneMatch == "*") return true;
  while (!ifNoneMatch.empty()) {
    const auto comma = ifNoneMatch.find(',');
    auto item = ifNoneMatch.substr(0, comma);
    ifNoneMatch.remove_prefix(comma == std::string_view::npos ? ifNoneMatch.size() : comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag) return true;
  }
  return false;
}

}  // namespace

std::string_view contentTypeFor(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const auto dot = name.rfind('.');
  if (dot != std::string_view::npos) {
    for (const auto& [extension, type] : kTypes) {
      if (equalIgnoringCase(name.substr(dot + 1), extension)) return type;
    }
  }
  return "application/octet-stream";
}

EmbeddedFiles::EmbeddedFiles(std::span<const EmbeddedFile> files) : files_(files) {
  constexpr std::string_view kEnding = ".br";
  for (const auto& file : files_) byPath_.emplace(file.path, &file);
  for (const auto& file : files_) {
    if (!file.path.ends_with(kEnding)) continue;
    const auto whole = byPath_.find(file.path.substr(0, file.path.size() - kEnding.size()));
    if (whole == byPath_.end()) continue;
    brotli_.emplace(whole->second, &file);
    byPath_.erase(file.path);
  }
}

const EmbeddedFile* EmbeddedFiles::brotli(const EmbeddedFile& file) const {
  const auto found = brotli_.find(&file);
  return found == brotli_.end() ? nullptr : found->second;
}

const EmbeddedFile* EmbeddedFiles::find(std::string_view path) const {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty() || path.ends_with('/')) {
    const auto found = byPath_.find(std::string(path) + "index.html");
    return found == byPath_.end() ? nullptr : found->second;
  }
  const auto found = byPath_.find(path);
  return found == byPath_.end() ? nullptr : found->second;
}

Response respondWith(const EmbeddedFile& file, const Request& request) {
  const auto etag = "\"" + std::string(file.sha256) + "\"";
  Response response;
  response.headers.set("ETag", etag);
  response.headers.set("Cache-Control", "no-cache");
  if (names(request.headers.get("If-None-Match"), etag)) {
    response.status = 304;
    return response;
  }
  response.headers.set("Content-Type", std::string(file.contentType));
  response.body = file.bytes;
  return response;
}

}  // namespace webpool::net

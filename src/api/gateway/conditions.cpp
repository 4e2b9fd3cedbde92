#include "api/gateway/conditions.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/gateway/pages.h"

namespace webpool::api::gateway {

bool namesTag(std::string_view ifNoneMatch, std::string_view etag) {
  const auto opaque = [](std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag;
  };
  const auto wanted = opaque(etag);
  while (!ifNoneMatch.empty()) {
    const auto begin = ifNoneMatch.find_first_not_of(" \t,");
    if (begin == std::string_view::npos) return false;
    ifNoneMatch.remove_prefix(begin);
    if (ifNoneMatch.starts_with('*')) return true;
    // A tag may hold commas: it ends with its quote.
    const auto quote = ifNoneMatch.find('"');
    const auto end = quote == std::string_view::npos ? quote : ifNoneMatch.find('"', quote + 1);
    if (end == std::string_view::npos) return false;
    if (opaque(ifNoneMatch.substr(0, end + 1)) == wanted) return true;
    ifNoneMatch.remove_prefix(end + 1);
  }
  return false;
}

std::string dispositionOf(bool attachment, std::string_view filename) {
  const std::string_view kind = attachment ? "attachment" : "inline";
  if (filename.empty()) return std::string(kind);
  std::string plain(filename);
  bool changed = false;
  for (auto& letter : plain) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte < 0x7f && letter != '"' && letter != '\\') continue;
    letter = '_';
    changed = true;
  }
  auto text = fmt::format("{}; filename=\"{}\"", kind, plain);
  if (changed) text += fmt::format("; filename*=UTF-8''{}", percentEncoded(filename));
  return text;
}

}  // namespace webpool::api::gateway

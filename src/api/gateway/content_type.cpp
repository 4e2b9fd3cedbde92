#include "api/gateway/content_type.h"

#include <array>
#include <utility>

#include <boost/json.hpp>

#include "net/embedded_files.h"

namespace webpool::api::gateway {
namespace {

constexpr std::string_view kUnknown = "application/octet-stream";

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kEndings{{
    {"cbor", "application/cbor"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"pdf", "application/pdf"},
    {"txt", "text/plain; charset=utf-8"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kBeginnings{{
    {"\x89PNG\r\n\x1a\n", "image/png"},
    {"\xff\xd8\xff", "image/jpeg"},
    {"GIF87a", "image/gif"},
    {"GIF89a", "image/gif"},
    {"%PDF-", "application/pdf"},
    {std::string_view("\0asm", 4), "application/wasm"},
    {"PK\x03\x04", "application/zip"},
    {"\x1f\x8b", "application/gzip"},
    {"OggS", "application/ogg"},
}};

bool isControl(unsigned char byte) {
  return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != 0x1b &&
          byte != '\f') ||
         byte == 0x7f;
}

/// UTF-8 without control characters; its last letter may be cut off.
bool isText(std::string_view head) {
  for (std::size_t i = 0; i < head.size();) {
    const auto byte = static_cast<unsigned char>(head[i]);
    if (isControl(byte)) return false;
    const std::size_t length = byte < 0x80   ? 1
                               : byte < 0xc2 ? 0
                               : byte < 0xe0 ? 2
                               : byte < 0xf0 ? 3
                               : byte < 0xf5 ? 4
                                             : 0;
    if (length == 0) return false;
    for (std::size_t k = 1; k < length && i + k < head.size(); ++k) {
      if ((static_cast<unsigned char>(head[i + k]) & 0xc0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

bool isJson(std::string_view text) {
  boost::system::error_code error;
  const auto value = boost::json::parse({text.data(), text.size()}, error);
  return !error && (value.is_object() || value.is_array());
}

bool isHtml(std::string_view head) {
  const auto first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  head.remove_prefix(first);
  return net::equalIgnoringCase(head.substr(0, 14), "<!doctype html") ||
         net::equalIgnoringCase(head.substr(0, 5), "<html");
}

std::string byBytes(std::string_view head, std::uint64_t size) {
  for (const auto& [beginning, type] : kBeginnings) {
    if (head.starts_with(beginning)) return std::string(type);
  }
  if (!isText(head)) return std::string(kUnknown);
  if (size == head.size() && isJson(head)) return "application/json";
  if (isHtml(head)) return "text/html; charset=utf-8";
  return "text/plain; charset=utf-8";
}

}  // namespace

std::string contentTypeOf(std::string_view name, std::string_view head, std::uint64_t size) {
  if (const auto type = net::contentTypeFor(name); type != kUnknown) return std::string(type);
  if (const auto dot = name.rfind('.'); dot != std::string_view::npos) {
    for (const auto& [ending, type] : kEndings) {
      if (net::equalIgnoringCase(name.substr(dot + 1), ending)) return std::string(type);
    }
  }
  return byBytes(head, size);
}

}  // namespace webpool::api::gateway

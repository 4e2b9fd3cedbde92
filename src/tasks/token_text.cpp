#include "tasks/token_text.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <unordered_map>

namespace webpool::tasks {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMostTokens = 10'000'000;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// A byte-level vocabulary writes each byte as a character that can be seen: those that can be seen
/// as themselves, the others as U+0100 and on, in order.
std::unordered_map<char32_t, char> visibleBytes() {
  std::unordered_map<char32_t, char> bytes;
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    bytes[visible ? byte : next++] = static_cast<char>(byte);
  }
  return bytes;
}

/// One character of well-formed UTF-8, as Boost.JSON's strings are.
char32_t takeCharacter(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  constexpr std::array<unsigned, 5> kMasks{0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t character = lead & kMasks[length];
  for (std::size_t i = 1; i < length && i < text.size(); ++i) {
    character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  text.remove_prefix(std::min(length, text.size()));
  return character;
}

/// Bytes of the character at the front of `text`; 0 where it is none.
std::size_t wholeCharacter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xC2 && lead <= 0xDF ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80) return 0;
  }
  return length;
}

std::string repaired(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto length = wholeCharacter(bytes);
    text += length > 0 ? bytes.substr(0, length) : kReplacement;
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

}  // namespace

Result<TokenText> TokenText::read(std::string_view vocabulary) {
  boost::system::error_code error;
  const auto document = json::parse(vocabulary, error);
  const auto* object = error ? nullptr : document.if_object();
  if (object == nullptr) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("vocab.json is no JSON object{}{}", error ? ": " : "",
                            error ? error.message() : ""));
  }
  const auto byteOf = visibleBytes();
  TokenText result;
  for (const auto& [token, id] : *object) {
    const auto* number = id.if_int64();
    if (number == nullptr || *number < 0 || *number >= kMostTokens) {
      return fail(ErrorCategory::InvalidModel,
                  fmt::format("vocab.json gives '{}' no id", std::string_view(token)));
    }
    const auto at = static_cast<std::size_t>(*number);
    if (result.bytes_.size() <= at) result.bytes_.resize(at + 1);
    std::string_view rest = token;
    // Marks such as <|endoftext|> are no text.
    if (rest.starts_with("<|") && rest.ends_with("|>")) continue;
    while (!rest.empty()) {
      if (const auto byte = byteOf.find(takeCharacter(rest)); byte != byteOf.end()) {
        result.bytes_[at] += byte->second;
      }
    }
  }
  return result;
}

std::string TokenText::text(std::span<const std::int64_t> tokens) const {
  std::string bytes;
  for (const auto token : tokens) {
    if (token >= 0 && static_cast<std::size_t>(token) < bytes_.size()) {
      bytes += bytes_[static_cast<std::size_t>(token)];
    }
  }
  return repaired(bytes);
}

}  // namespace webpool::tasks

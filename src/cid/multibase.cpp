#include "cid/multibase.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace webpool::cid {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view k32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view k36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view k58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view k64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view k64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
// The big-number bases cost the square of the length.
constexpr std::size_t kMaxText = 1024;

std::unexpected<Error> badLetter(char letter) {
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("'{}' is no letter of this encoding", letter), "check the CID's text");
}

/// Bases of 2^bits, read and written bit by bit.
std::string encodeBits(std::string_view alphabet, unsigned bits, std::span<const std::byte> bytes) {
  std::string text;
  unsigned pending = 0;
  unsigned pendingBits = 0;
  for (const auto byte : bytes) {
    pending = (pending << 8 | std::to_integer<unsigned>(byte)) & 0xffff;
    pendingBits += 8;
    while (pendingBits >= bits) {
      pendingBits -= bits;
      text.push_back(alphabet[(pending >> pendingBits) & ((1u << bits) - 1)]);
    }
  }
  if (pendingBits > 0) {
    text.push_back(alphabet[(pending << (bits - pendingBits)) & ((1u << bits) - 1)]);
  }
  return text;
}

Result<std::string> decodeBits(std::string_view alphabet, unsigned bits, std::string_view text) {
  std::string bytes;
  unsigned pending = 0;
  unsigned pendingBits = 0;
  for (const char letter : text) {
    const auto value = alphabet.find(letter);
    if (value == std::string_view::npos) return badLetter(letter);
    pending = (pending << bits | static_cast<unsigned>(value)) & 0xffff;
    pendingBits += bits;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes.push_back(static_cast<char>((pending >> pendingBits) & 0xff));
    }
  }
  if (pendingBits >= bits || (pending & ((1u << pendingBits) - 1)) != 0) {
    return fail(ErrorCategory::InvalidArgument, "the encoded text ends in stray bits",
                "check that the CID's text is complete");
  }
  return bytes;
}

/// Bases that are no power of two: one big number, leading zero bytes kept as leading zero digits.
std::string encodeNumber(std::string_view alphabet, std::span<const std::byte> bytes) {
  const auto radix = static_cast<unsigned>(alphabet.size());
  std::vector<unsigned char> digits;  // least significant first
  std::size_t zeros = 0;
  while (zeros < bytes.size() && bytes[zeros] == std::byte{0}) ++zeros;
  for (const auto byte : bytes.subspan(zeros)) {
    unsigned carry = std::to_integer<unsigned>(byte);
    for (auto& digit : digits) {
      carry += static_cast<unsigned>(digit) << 8;
      digit = static_cast<unsigned char>(carry % radix);
      carry /= radix;
    }
    for (; carry > 0; carry /= radix) digits.push_back(static_cast<unsigned char>(carry % radix));
  }
  std::string text(zeros, alphabet[0]);
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) text += alphabet[*digit];
  return text;
}

Result<std::string> decodeNumber(std::string_view alphabet, std::string_view text) {
  const auto radix = static_cast<unsigned>(alphabet.size());
  std::vector<unsigned char> bytes;  // least significant first
  std::size_t zeros = 0;
  while (zeros < text.size() && text[zeros] == alphabet[0]) ++zeros;
  for (const char letter : text.substr(zeros)) {
    const auto value = alphabet.find(letter);
    if (value == std::string_view::npos) return badLetter(letter);
    auto carry = static_cast<unsigned>(value);
    for (auto& byte : bytes) {
      carry += byte * radix;
      byte = static_cast<unsigned char>(carry & 0xff);
      carry >>= 8;
    }
    for (; carry > 0; carry >>= 8) bytes.push_back(static_cast<unsigned char>(carry & 0xff));
  }
  std::string result(zeros, '\0');
  result.append(bytes.rbegin(), bytes.rend());
  return result;
}

/// Base 64 in groups of four letters.
std::string padded(std::string text) {
  while (text.size() % 4 != 0) text += '=';
  return text;
}

Result<std::string> decodePadded(std::string_view alphabet, std::string_view text) {
  if (text.size() % 4 != 0) {
    return fail(ErrorCategory::InvalidArgument, "the padding of base 64 is not complete");
  }
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decodeBits(alphabet, 6, text);
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return result;
}

}  // namespace

std::string encodeMultibase(Base base, std::span<const std::byte> bytes) {
  std::string text(1, static_cast<char>(base));
  switch (base) {
    case Base::Base16:
      return text + encodeBits(kHex, 4, bytes);
    case Base::Base32:
      return text + encodeBits(k32, 5, bytes);
    case Base::Base36:
      return text + encodeNumber(k36, bytes);
    case Base::Base58Btc:
      return text + encodeNumber(k58, bytes);
    case Base::Base64:
      return text + encodeBits(k64, 6, bytes);
    case Base::Base64Pad:
      return text + padded(encodeBits(k64, 6, bytes));
    case Base::Base64Url:
      return text + encodeBits(k64Url, 6, bytes);
    case Base::Base64UrlPad:
      return text + padded(encodeBits(k64Url, 6, bytes));
  }
  return text;
}

Result<std::string> decodeMultibase(std::string_view text) {
  if (text.empty()) return fail(ErrorCategory::InvalidArgument, "the encoded text is empty");
  if (text.size() > kMaxText) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the encoded text is over {} letters", kMaxText));
  }
  const auto rest = text.substr(1);
  switch (text[0]) {
    case 'f':
    case 'F':
      return decodeBits(kHex, 4, lowered(rest));
    case 'b':
    case 'B':
      return decodeBits(k32, 5, lowered(rest));
    case 'k':
    case 'K':
      return decodeNumber(k36, lowered(rest));
    case 'z':
      return decodeNumber(k58, rest);
    case 'm':
      return decodeBits(k64, 6, rest);
    case 'M':
      return decodePadded(k64, rest);
    case 'u':
      return decodeBits(k64Url, 6, rest);
    case 'U':
      return decodePadded(k64Url, rest);
    default:
      return fail(ErrorCategory::Unsupported,
                  fmt::format("multibase prefix '{}' is not supported", text[0]),
                  "write the CID in base32 (it begins with 'b')");
  }
}

std::string encodeBase64(std::span<const std::byte> bytes) {
  return encodeBits(k64, 6, bytes);
}

Result<std::string> decodeBase64(std::string_view text) {
  return decodeBits(k64, 6, text);
}

std::string encodeBase58(std::span<const std::byte> bytes) {
  return encodeNumber(k58, bytes);
}

Result<std::string> decodeBase58(std::string_view text) {
  if (text.size() > kMaxText) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the encoded text is over {} letters", kMaxText));
  }
  return decodeNumber(k58, text);
}

}  // namespace webpool::cid

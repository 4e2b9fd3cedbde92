// Binary as text, self-described by its first letter.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::cid {

enum class Base : char {
  Base16 = 'f',
  Base32 = 'b',  ///< RFC 4648, lower case, no padding: what webpool writes
  Base36 = 'k',
  Base58Btc = 'z',
  Base64 = 'm',  ///< RFC 4648, no padding
  Base64Pad = 'M',
  Base64Url = 'u',  ///< '-' and '_', no padding
  Base64UrlPad = 'U',
};

/// Prefix letter + text.
std::string encodeMultibase(Base base, std::span<const std::byte> bytes);

/// Reads any Base above (for base 16, 32 and 36 the upper-case prefix and letters too). Unsupported
/// for another prefix, InvalidArgument for a letter outside the alphabet, stray bits or over 1024
/// letters. Padding that is missing, short or needless is refused.
Result<std::string> decodeMultibase(std::string_view text);

/// Base 64 of any length without prefix letter and padding, as DAG-JSON writes bytes.
std::string encodeBase64(std::span<const std::byte> bytes);
Result<std::string> decodeBase64(std::string_view text);

/// base58btc without the prefix letter: the text of a CIDv0.
std::string encodeBase58(std::span<const std::byte> bytes);
Result<std::string> decodeBase58(std::string_view text);

}  // namespace webpool::cid

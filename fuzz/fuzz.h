// What every fuzz target uses. A target is one file with LLVMFuzzerTestOneInput(); whatever comes
// in, it must neither crash nor break a promise of the parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace webpool::fuzz {

inline std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view textOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A broken promise ends the run as a crash does, and libFuzzer keeps the input.
inline void require(bool kept) {
  if (!kept) __builtin_trap();
}

}  // namespace webpool::fuzz

#include "cid/murmur3.h"

#include <bit>
#include <cstddef>

namespace webpool::cid {
namespace {

constexpr std::uint64_t kFirst = 0x87c37b91114253d5;
constexpr std::uint64_t kSecond = 0x4cf5ad432745937f;

/// Up to eight bytes, little-endian.
std::uint64_t word(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

std::uint64_t scrambledFirst(std::uint64_t value) noexcept {
  return std::rotl(value * kFirst, 31) * kSecond;
}

std::uint64_t scrambledSecond(std::uint64_t value) noexcept {
  return std::rotl(value * kSecond, 33) * kFirst;
}

std::uint64_t finished(std::uint64_t value) noexcept {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33;
}

}  // namespace

std::uint64_t murmur3(std::string_view bytes) noexcept {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  auto rest = bytes;
  for (; rest.size() >= 16; rest.remove_prefix(16)) {
    first ^= scrambledFirst(word(rest.substr(0, 8)));
    first = (std::rotl(first, 27) + second) * 5 + 0x52dce729;
    second ^= scrambledSecond(word(rest.substr(8, 8)));
    second = (std::rotl(second, 31) + first) * 5 + 0x38495ab5;
  }
  if (rest.size() > 8) second ^= scrambledSecond(word(rest.substr(8)));
  first ^= scrambledFirst(word(rest.substr(0, 8)));
  first ^= bytes.size();
  second ^= bytes.size();
  first += second;
  second += first;
  return finished(first) + finished(second);
}

}  // namespace webpool::cid

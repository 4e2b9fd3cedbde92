#include "cid/varint.h"

namespace webpool::cid {
namespace {
constexpr std::size_t kMaxBytes = 9;
}

void appendVarint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

std::size_t varintSize(std::uint64_t value) noexcept {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

Result<std::uint64_t> takeVarint(std::span<const std::byte>& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kMaxBytes; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    if (byte == 0 && i > 0)
      return fail(ErrorCategory::Protocol, "a varint has needless zero bytes");
    bytes = bytes.subspan(i + 1);
    return value;
  }
  return fail(ErrorCategory::Protocol,
              bytes.size() < kMaxBytes ? "a varint is cut off" : "a varint is over nine bytes");
}

}  // namespace webpool::cid

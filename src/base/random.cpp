#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace webpool::base {

RandomSource systemRandom() {
  return [](std::span<std::byte> out) {
    while (!out.empty()) {
      const auto got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0) {
        if (errno == EINTR) continue;
        throw std::system_error(errno, std::generic_category(), "getrandom");
      }
      out = out.subspan(static_cast<std::size_t>(got));
    }
  };
}

std::string randomHex(const RandomSource& random, std::size_t bytes) {
  std::vector<std::byte> raw(bytes);
  random(raw);
  std::string text;
  text.reserve(bytes * 2);
  for (const auto value : raw) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[std::to_integer<unsigned>(value) >> 4];
    text += kDigits[std::to_integer<unsigned>(value) & 15];
  }
  return text;
}

}  // namespace webpool::base

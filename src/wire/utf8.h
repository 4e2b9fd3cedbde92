// UTF-8 as the Unicode standard allows it: no overlong forms, no surrogates, at most U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace webpool::wire {

bool isValidUtf8(std::string_view text) noexcept;

/// The longest beginning of valid UTF-8 text that has at most `limit` bytes and cuts no character.
std::string_view cutUtf8(std::string_view text, std::size_t limit) noexcept;

}  // namespace webpool::wire

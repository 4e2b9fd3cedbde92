// Unpredictable bytes, passed in so that tests can fix them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace webpool::base {

/// Fills the span; thread-safe.
using RandomSource = std::function<void(std::span<std::byte>)>;

/// getrandom(2).
RandomSource systemRandom();

/// `bytes` random bytes as lower-case hex.
std::string randomHex(const RandomSource& random, std::size_t bytes);

}  // namespace webpool::base

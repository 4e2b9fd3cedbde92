// The limits of docs/protocol.md; the same numbers stand in web/protocol/limits.ts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace webpool::wire {

inline constexpr int kProtocolVersion = 1;

/// The largest integer that JSON carries exactly to JavaScript: 2^53 - 1.
inline constexpr std::uint64_t kMaxInteger = (1ull << 53) - 1;

struct Limits {
  std::size_t maxHeader = 1u << 20;     ///< bytes of JSON, padding included
  std::uint64_t maxFrame = 1ull << 30;  ///< bytes of the whole frame
  std::size_t maxTensors = 1024;
  std::size_t maxRank = 32;
  std::size_t maxDepth = 32;  ///< nested objects and arrays; the header itself is the first
};

inline constexpr std::size_t kMaxMessageBytes = 16 * 1024;  ///< `message`, `hint`, `reason`
inline constexpr std::size_t kMaxTextBytes = 4 * 1024;      ///< every other string
inline constexpr std::size_t kMaxList = 4096;               ///< entries of a list

}  // namespace webpool::wire

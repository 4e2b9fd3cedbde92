// Several pools on one machine: what each takes is left to it by the others, and where they want
// more than there is, each gets the same. Pure.
#pragma once

#include <cstdint>
#include <span>

namespace webpool::sched {

/// What a pool takes of its machine.
struct PoolShare {
  unsigned threads = 0;      ///< that its runs took at once, lately; 0: it is idle
  std::uint64_t memory = 0;  ///< bytes of its browsers

  bool operator==(const PoolShare&) const = default;
};

/// Threads that this pool's runs may take at once: what the others leave, and at least its equal
/// part of the cores among those that work; never 0.
unsigned coresFor(unsigned cores, std::span<const PoolShare> others) noexcept;

/// Bytes that this pool's browsers may take: what the others leave of the memory that is there for
/// all of them, and at least its equal part.
std::uint64_t memoryFor(std::uint64_t memory, std::span<const PoolShare> others) noexcept;

}  // namespace webpool::sched

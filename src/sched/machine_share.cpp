#include "sched/machine_share.h"

#include <algorithm>

namespace webpool::sched {

unsigned coresFor(unsigned cores, std::span<const PoolShare> others) noexcept {
  std::uint64_t taken = 0;
  unsigned working = 1;  // this one is about to
  for (const auto& other : others) {
    taken += other.threads;
    working += other.threads > 0 ? 1 : 0;
  }
  const auto left = taken < cores ? cores - static_cast<unsigned>(taken) : 0;
  return std::max({left, cores / working, 1U});
}

std::uint64_t memoryFor(std::uint64_t memory, std::span<const PoolShare> others) noexcept {
  std::uint64_t taken = 0;
  for (const auto& other : others) taken += std::min(other.memory, memory);
  const auto left = taken < memory ? memory - taken : 0;
  return std::max(left, memory / (others.size() + 1));
}

}  // namespace webpool::sched

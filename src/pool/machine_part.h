// What this pool may take of its machine beside the other pools that there are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "pool/machine_shares.h"

namespace webpool::pool {

/// Bytes of this machine, or of the container that this process is in, that programs can use.
std::uint64_t machineMemory();

/// Not thread-safe.
class MachinePart {
 public:
  struct Part {
    unsigned cores = 1;        ///< threads of runs at once, for now
    unsigned coresOfEach = 1;  ///< where all pools want all: for what is chosen once
    std::uint64_t memory = 0;  ///< bytes of its browsers; 0: no other pool is there
    std::vector<pid_t> others{};
  };

  MachinePart(MachineShares shares, unsigned cores, std::uint64_t memory)
      : shares_(std::move(shares)), cores_(cores), memory_(memory) {}

  /// Tells the others what is taken here, and finds out what they take. `peak`: threads of runs at
  /// once since it was told last; `memory`: bytes of this pool's browsers.
  Part update(std::uint64_t peak, std::uint64_t memory);

 private:
  MachineShares shares_;
  unsigned cores_;
  std::uint64_t memory_;
  std::uint64_t before_ = 0;  ///< the peak that was told before
};

}  // namespace webpool::pool

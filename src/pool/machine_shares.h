// Where the pools of one person on one machine tell each other what they take of it: a folder with
// a file each, which its pool holds a lock on, so that what a dead one left does not count.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "sched/machine_share.h"
#include "webpool/error.h"

namespace webpool::pool {

/// Not thread-safe. Destroying it takes this pool out.
class MachineShares {
 public:
  struct Other {
    pid_t pid = 0;
    sched::PoolShare share;
  };

  /// Makes the folder where it is missing.
  static Result<MachineShares> join(const std::filesystem::path& folder);

  ~MachineShares();
  MachineShares(MachineShares&&) noexcept = default;
  MachineShares& operator=(MachineShares&&) = delete;

  void publish(const sched::PoolShare& share);
  /// The pools that live, by process; removes what dead ones left.
  std::vector<Other> others() const;

 private:
  MachineShares(std::filesystem::path folder, std::filesystem::path file, base::FileDescriptor fd)
      : folder_(std::move(folder)), file_(std::move(file)), fd_(std::move(fd)) {}

  std::filesystem::path folder_;
  std::filesystem::path file_;
  base::FileDescriptor fd_;  ///< with the lock
  sched::PoolShare published_{};
};

}  // namespace webpool::pool

// How much of what waits a worker takes when it is free and others soon will be: so much that all
// are done as soon as can be. Without that the last batch of a queue keeps one worker busy while
// the others have nothing to do. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace webpool::sched {

/// Times are in any unit, the same for all.
struct SharingWorker {
  double ahead = 0;    ///< until it is done with what it has
  double perRun = 0;   ///< what a run takes whatever is in it
  double perItem = 0;  ///< what each item adds
};

/// Items, at least 1, that workers[which] takes of `items` that wait: as in filling vessels with
/// water, each gets what brings all to the same level. All of them where a further run would cost
/// more than it saves, as on a device that takes many items in the time of one.
std::uint64_t shareOfQueue(std::span<const SharingWorker> workers, std::size_t which,
                           std::uint64_t items);

}  // namespace webpool::sched

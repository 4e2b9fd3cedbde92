// How large the runs of a worker should be, by what they took: sharing a run saves what each run
// costs, until the batch has outgrown the caches of the processor or fills the GPU. Where that is
// differs by model, engine and machine by more than ten times, so it is measured.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace webpool::sched {

/// Sizes are items times the longest, in any unit, and are told apart by powers of two. The bound
/// climbs towards the size whose runs take the least time for each unit of it; some runs
/// are larger or smaller than the bound by one or two steps, so that it is known what those take:
/// a quarter until it is, and then one in thirty-two. Not thread-safe.
class BatchBound {
 public:
  /// `first`: the bound before anything was measured.
  explicit BatchBound(double first = 2048);

  /// For the next run; never above `most`.
  double next(double most);
  /// A run of that size took so long.
  void observe(double size, double milliseconds);

  /// What runs are bound to but for those that try another size.
  double bound() const;

 private:
  struct Cost {
    double each = 0;  ///< milliseconds for each unit of size
    std::uint64_t runs = 0;
  };
  static constexpr int kSteps = 40;

  void climb();
  /// What the next run tries: steps above the bound, or below.
  int offset();

  std::array<Cost, kSteps> costs_{};
  int at_;
  std::uint64_t asked_ = 0;
};

}  // namespace webpool::sched

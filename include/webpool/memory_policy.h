// What a program can say about the pool's memory: which models are loaded, and which go where room
// is needed for another.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "webpool/error.h"

namespace webpool {

/// A model in the memory of the pool's browsers that nobody uses now. The components of one model
/// are told as one: they go together.
struct KeptModel {
  std::string name{};                 ///< "whisper-tiny"; of one that was brought by its path, that
  std::string task{};                 ///< "text-embedding"
  std::string dtype{};                ///< "q4"
  std::uint64_t bytes = 0;            ///< that it takes, in all browsers together
  std::chrono::nanoseconds load{};    ///< it takes to load; 0: not known yet
  std::chrono::nanoseconds unused{};  ///< since its last call, or since it was loaded
  double callsPerSecond = 0;          ///< lately: what is older than ten minutes counts less
  double chanceSoon = 0;              ///< 0 to 1: that it is called within ten minutes
  /// What the pool itself takes: the seconds that its return would cost × that chance ÷ its bytes,
  /// and up to a tenth more where the others of its browser are for the same task.
  double worth = 0;
};

/// Has a say in the pool's memory.
class MemoryPolicy {
 public:
  virtual ~MemoryPolicy() = default;

  /// A model is about to be loaded; `modelSize` are the bytes of its files. An error is the load's:
  /// OutOfMemory for a refusal. Called from any thread, one call at a time.
  virtual Result<void> allocateMemory(const std::string& modelType, std::uint64_t modelSize) = 0;

  /// What keeping the model is worth, in any unit: where room is needed the models of the least
  /// worth go, of equal ones those that were not used for longest; what is no number goes first.
  /// Asked for each model each time. Called on a thread of the pool, maybe while allocateMemory()
  /// is called on another: must return soon, and not call the pool.
  virtual double worthKeeping(const KeptModel& model) { return model.worth; }
};

}  // namespace webpool

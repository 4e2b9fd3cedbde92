// Which models are worth keeping: what it would cost to have one back, times how likely it is to be
// asked for soon, for each byte that it holds. Pure; a program may bring a choice of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "sched/ids.h"
#include "sched/memory_plan.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct UnloadOptions {
  /// What is not asked for within this is as good as never asked for.
  Duration horizon = std::chrono::minutes(10);
  /// How much more a model is worth where all others of its browser are of its type: those of one
  /// type stay together.
  double company = 0.1;
};

/// What is known of a model with all its components.
struct KeepFacts {
  std::uint64_t bytes = 0;  ///< in all browsers
  TimePoint lastUsed{};
  double loadSeconds = 0;  ///< 0: never seen
  double callsPerSecond = 0;
  double chanceSoon = 0;  ///< that it is asked for within the horizon
  double worth = 0;       ///< a byte
};

/// Gathers how often models are asked for and how long they take to load. Not thread-safe; times
/// must not go backwards.
class UnloadChoice {
 public:
  explicit UnloadChoice(UnloadOptions options = {}) : options_(options) {}

  /// `model` is ResidentModel::group, or whatever names one that stands alone.
  void asked(const std::string& model, TimePoint now);
  void loaded(const std::string& model, Duration took);
  void typed(const std::string& model, std::string type) { facts_[model].type = std::move(type); }
  void forget(const std::string& model) { facts_.erase(model); }

  /// Calls a second, the older counting less: half after the horizon.
  double rate(const std::string& model, TimePoint now) const;
  /// That it is asked for within the horizon, if calls come by chance at that rate (Poisson).
  double chanceSoon(const std::string& model, TimePoint now) const;
  /// Seconds that are expected to be lost by unloading it: 0 for what is never asked for.
  double costOfReturn(const std::string& model, TimePoint now) const;

  /// Of one that is in the picture.
  KeepFacts facts(const MemoryPicture& picture, const ResidentModel& model, TimePoint now) const;
  /// For planMemory: what a model is worth a byte, in that picture.
  UnloadWorth worth(const MemoryPicture& picture, TimePoint now) const;

 private:
  struct Facts {
    std::string type{};
    double weight = 0;  ///< of the calls, each halved by the horizon
    TimePoint lastAsked{};
    double loadSeconds = 0;  ///< mean, the latest counting half; 0: never seen
  };

  double weightAt(const Facts& facts, TimePoint now) const;
  double companyOf(const MemoryPicture& picture, const ResidentModel& model) const;

  UnloadOptions options_;
  std::map<std::string, Facts> facts_;
};

}  // namespace webpool::sched

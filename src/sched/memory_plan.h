// Makes room in the pool's memory: which models go, and which browser must be replaced because
// memory stays in it that no model explains. Pure: a picture of the pool in, a plan out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sched/ids.h"
#include "webpool/error.h"

namespace webpool::sched {

using base::TimePoint;

/// In bytes.
struct MemoryLimits {
  std::uint64_t pool = 0;
  std::uint64_t connection = 0;  ///< each
  /// A browser is not replaced for less than this.
  std::uint64_t slack = std::uint64_t{64} << 20;
};

struct ResidentModel {
  ResidentId id = 0;
  ConnectionId connection = 0;
  /// Components of one model have one name: they count as one for their last use, and none goes
  /// while another is in use or about to be loaded. Empty: it stands alone.
  std::string group{};
  std::uint64_t estimated = 0;  ///< bytes
  std::optional<std::uint64_t> measured{};
  TimePoint lastUsed{};
  unsigned users = 0;  ///< runs and loads under way

  std::uint64_t bytes() const noexcept { return measured.value_or(estimated); }
};

struct ConnectionMemory {
  std::uint64_t empty = 0;  ///< bytes of the browser without a model
  /// The latest sample of the whole process tree, corrected by what came and went since.
  std::optional<std::uint64_t> sampled{};
};

struct MemoryPicture {
  std::map<ConnectionId, ConnectionMemory> connections;
  std::map<ResidentId, ResidentModel> models;

  /// The browser and its models by what is known of them.
  std::uint64_t explained(ConnectionId connection) const;
  /// What is measured beyond that.
  std::uint64_t unexplained(ConnectionId connection) const;
};

struct MemoryNeed {
  std::uint64_t bytes = 0;  ///< at the peak of loading
  /// nullopt: for a browser that is still to be launched.
  std::optional<ConnectionId> connection{};
  std::string group{};
  std::string what = "the model";  ///< for the error
};

/// What a model is called that stands alone, or its group.
std::string nameOf(const ResidentModel& model);

/// What keeping a model is worth, for each of its bytes; any unit. Replaceable: unload_choice.h has
/// one. What is no number goes first.
using UnloadWorth = std::function<double(const ResidentModel&)>;

struct MemoryPlan {
  /// Worth least first, and of equal ones least recently used; never one in use.
  std::vector<ResidentId> unload;
  /// To be drained and launched anew; their models go with them, and those in use come back.
  std::vector<ConnectionId> recycle;
};

/// The least that makes room: first by unloading, then by recycling. OutOfMemory, with the budget
/// and a way out, where no plan can. Without `worth` all are worth the same.
Result<MemoryPlan> planMemory(const MemoryLimits& limits, const MemoryPicture& picture,
                              const MemoryNeed& need, const UnloadWorth& worth = {});

/// Whether it would fit if no other model were there: then waiting can help.
bool everFits(const MemoryLimits& limits, const MemoryPicture& picture, const MemoryNeed& need);

}  // namespace webpool::sched

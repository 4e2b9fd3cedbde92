// Keeps the pool's browsers within their memory budget: says what must be unloaded before a model
// is loaded, by what was estimated and what is measured. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pool/loaded.h"
#include "sched/memory_budget.h"
#include "sched/unload_choice.h"
#include "webpool/memory_policy.h"

namespace webpool::pool {

/// Nothing has to go where no limit is set (0). It does nothing for models on other machines.
class MemoryKeeper {
 public:
  struct Room {
    std::vector<std::shared_ptr<Loaded>> unload;
    std::vector<std::uint64_t> recycle;  ///< ids of connections
    bool isThere() const { return unload.empty() && recycle.empty(); }
  };

  using Notice = std::function<void(const std::string&)>;
  /// As PoolOptions::worthKeeping.
  using Worth = std::function<double(const KeptModel&)>;

  /// Bytes, of all browsers and of each. `notice`: told once where browsers take more without any
  /// model; may be empty, and so may `worth`.
  MemoryKeeper(std::uint64_t pool, std::uint64_t browser, Notice notice, Worth worth);

  /// A limit was chosen.
  bool isOn() const { return chosen_.pool > 0 || chosen_.browser > 0; }

  /// Where no limit for all browsers was chosen: what other pools leave of the machine's memory; 0:
  /// no limit.
  void shareMachine(std::uint64_t bytes);
  /// Bytes of all browsers, with what is about to be loaded.
  std::uint64_t taken() const { return budget_.charged(); }

  /// The process tree's PSS. The first sample of an opened connection is that of an empty browser.
  void sampled(std::uint64_t connection, std::uint64_t bytes);
  void closed(std::uint64_t connection);

  /// What has to go first: models whose return would cost the least, by how long they take to load
  /// and how likely they are asked for again. OutOfMemory where the model can never fit.
  Result<Room> roomFor(const Loaded& model, std::uint64_t connection, base::TimePoint now);

  void loadBegan(const std::shared_ptr<Loaded>& model, std::uint64_t connection,
                 base::TimePoint now);
  void loadEnded(const Loaded& model, bool there, base::TimePoint now);
  void runBegan(const Loaded& model, base::TimePoint now);
  void runEnded(const Loaded& model, base::TimePoint now);
  void gone(const Loaded& model);
  /// Nobody means to have it back. What was known of its calls and loads is forgotten with the last
  /// one that shares it.
  void forget(const Loaded& model);

 private:
  void noticeNoRoom(std::uint64_t connection);

  struct Chosen {
    std::uint64_t pool = 0;
    std::uint64_t browser = 0;
  };
  static sched::MemoryLimits limitsOf(const Chosen& chosen);
  sched::UnloadWorth worthNow(base::TimePoint now) const;
  KeptModel keptModel(const sched::ResidentModel& model, base::TimePoint now) const;

  Chosen chosen_;
  Notice notice_;
  Worth worth_;
  sched::MemoryBudget budget_;
  sched::UnloadChoice choice_;
  std::map<sched::ResidentId, base::TimePoint> loading_;  ///< since when
  std::map<sched::ResidentId, std::weak_ptr<Loaded>> models_;
  std::map<std::string, std::set<sched::ResidentId>> known_;  ///< to choice_, by its name there
};

}  // namespace webpool::pool

// Keeps the pool's browsers within their memory budget: says what must be unloaded before a model
// is loaded, by what was estimated and what is measured. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pool/loaded.h"
#include "sched/memory_budget.h"
#include "sched/unload_choice.h"

namespace webpool::pool {

/// Does nothing where neither limit is set (0), and for models on other machines.
class MemoryKeeper {
 public:
  struct Room {
    std::vector<std::shared_ptr<Loaded>> unload;
    std::vector<std::uint64_t> recycle;  ///< ids of connections
    bool isThere() const { return unload.empty() && recycle.empty(); }
  };

  using Notice = std::function<void(const std::string&)>;

  /// Bytes, of all browsers and of each. `notice`: told once where browsers take more without any
  /// model; may be empty.
  MemoryKeeper(std::uint64_t pool, std::uint64_t browser, Notice notice);

  bool isOn() const { return on_; }

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

 private:
  void noticeNoRoom(std::uint64_t connection);

  bool on_;
  Notice notice_;
  sched::MemoryBudget budget_;
  sched::UnloadChoice choice_;
  std::map<sched::ResidentId, base::TimePoint> loading_;  ///< since when
  std::map<sched::ResidentId, std::weak_ptr<Loaded>> models_;
};

}  // namespace webpool::pool

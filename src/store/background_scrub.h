// Looks for rot slowly, for as long as a server runs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "store/content_store.h"

namespace webpool::store {

class BackgroundScrub {
 public:
  struct Options {
    std::uint64_t bytesPerSecond = 8'000'000;             ///< 0: as fast as the disk
    std::chrono::seconds pause = std::chrono::hours(24);  ///< after each round
    /// Both on the thread of the scrub; must not throw.
    std::function<void(const cid::Cid&, const Error&)> onDamage = {};
    /// A round ended, or could not go on. Cancelled is not told.
    std::function<void(const Result<ScrubReport>&)> onRound = {};
  };

  struct State {
    std::uint64_t rounds = 0;   ///< that went through
    std::uint64_t bytes = 0;    ///< hashed, in all rounds
    std::uint64_t damaged = 0;  ///< found in the round that runs, else in the last one
  };

  /// Begins at once. `store` must outlive it.
  BackgroundScrub(ContentStore& store, Options options);
  /// Ends within a second or so.
  ~BackgroundScrub();
  BackgroundScrub(const BackgroundScrub&) = delete;
  BackgroundScrub& operator=(const BackgroundScrub&) = delete;

  State state() const;

 private:
  void run(const std::stop_token& stop);
  Result<ScrubReport> round(const std::stop_token& stop);

  ContentStore& store_;
  const Options options_;
  mutable std::mutex mutex_;
  State state_;
  std::condition_variable_any woken_;
  std::jthread thread_;
};

}  // namespace webpool::store

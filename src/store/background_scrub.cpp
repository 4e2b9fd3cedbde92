#include "store/background_scrub.h"

#include <utility>

namespace webpool::store {

BackgroundScrub::BackgroundScrub(ContentStore& store, Options options)
    : store_(store),
      options_(std::move(options)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

BackgroundScrub::~BackgroundScrub() = default;

BackgroundScrub::State BackgroundScrub::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<ScrubReport> BackgroundScrub::round(const std::stop_token& stop) {
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = state_.bytes;
    state_.damaged = 0;
  }
  const ScrubOptions how{.bytesPerSecond = options_.bytesPerSecond,
                         .onDamage = [this](const cid::Cid& cid, const Error& error) {
                           {
                             const std::lock_guard lock(mutex_);
                             ++state_.damaged;
                           }
                           if (options_.onDamage) options_.onDamage(cid, error);
                         }};
  const JobOptions job{[&](const Progress& progress) {
                         const std::lock_guard lock(mutex_);
                         state_.bytes = before + progress.done;
                       },
                       stop};
  auto report = store_.scrub(how, job);
  const std::lock_guard lock(mutex_);
  if (report) ++state_.rounds;
  return report;
}

void BackgroundScrub::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto report = round(stop);
    if (stop.stop_requested()) return;
    if (options_.onRound) options_.onRound(report);
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, stop, options_.pause, [] { return false; });
  }
}

}  // namespace webpool::store

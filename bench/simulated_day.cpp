#include "simulated_day.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <random>

#include "sched/scaling.h"
#include "simulated_load.h"

namespace webpool::bench {
namespace {

constexpr unsigned kMost = 64;
constexpr Duration kStartTime = std::chrono::seconds(8);
constexpr Duration kTarget = std::chrono::seconds(2);
/// A drain that is followed by an addition so soon was for nothing.
constexpr Duration kThrash = std::chrono::minutes(2);
constexpr std::uint64_t kMiB = 1 << 20;

/// Little at night and much in the afternoon, twice as much for four minutes of every hour, and
/// bursts of a minute that nobody can foresee. Calls a second.
class DayOfLoad {
 public:
  explicit DayOfLoad(double hours) : hours_(hours) {
    std::mt19937_64 random(11);
    for (int i = 0; i < 24; ++i) bursts_.push_back(double(random() % 86'400));
  }

  double operator()(double seconds) const {
    const double dayShare = seconds / 3600 / hours_;
    const double daily = 10 - 8 * std::cos(2 * std::numbers::pi * dayShare);
    double rate = daily;
    if (std::fmod(seconds, 3600) < 240) rate *= 2;
    const auto within = [&](double start) { return seconds >= start && seconds < start + 60; };
    if (std::ranges::any_of(bursts_, within)) rate *= 2.5;
    return rate;
  }

 private:
  double hours_;
  std::vector<double> bursts_;
};

/// Does what the scaling machine says, with the time that a start takes; and lets workers die.
class ScaledPool {
 public:
  ScaledPool(SimulatedPool& pool, sched::ScalingOptions options, unsigned fixed)
      : pool_(pool), scaling_(options), fixed_(fixed) {}

  void tick(TimePoint now) {
    std::erase_if(startingAt_, [&](TimePoint at) {
      if (at > now) return false;
      pool_.addWorker();
      return true;
    });
    // One of the workers dies every hour and a half or so.
    const auto serving = pool_.serving();
    if (!serving.empty() && random_() % 5400 == 0) {
      pool_.crash(serving[random_() % serving.size()]);
      ++crashes;
    }
    const auto alive = static_cast<unsigned>(pool_.serving().size());
    const auto starting = static_cast<unsigned>(startingAt_.size());
    workerSeconds += alive + starting;
    if (fixed_ > 0) {
      for (auto have = alive + starting; have < fixed_; ++have)
        startingAt_.push_back(now + kStartTime);
      return;
    }
    decide(now, alive, starting);
  }

  double workerSeconds = 0;
  unsigned adds = 0, drains = 0, thrashes = 0, foreseen = 0, crashes = 0, most = 0;

 private:
  void decide(TimePoint now, unsigned alive, unsigned starting) {
    const double busy = pool_.busyMs(now);
    const auto oldest = pool_.oldestWaiting();
    sched::ScalingInputs inputs{.workers = alive, .starting = starting};
    inputs.busy = alive > 0 ? std::clamp((busy - busyBefore_) / 1000 / alive, 0.0, 1.0) : 0;
    inputs.queueWait = oldest ? now - *oldest : Duration::zero();
    inputs.queued = static_cast<unsigned>(pool_.waiting());
    inputs.memoryPerWorker = 500 * kMiB;
    inputs.memoryUsed = alive * inputs.memoryPerWorker;
    inputs.memoryBudget = kMost * inputs.memoryPerWorker;
    inputs.startTime = kStartTime;
    busyBefore_ = busy;
    const auto decision = scaling_.tick(inputs, now);
    most = std::max(most, decision.target);
    if (decision.action == sched::ScalingAction::Add) {
      ++adds;
      if (decision.foreseen) ++foreseen;
      if (drainedAt_ && now - *drainedAt_ < kThrash) ++thrashes;
      for (unsigned i = 0; i < decision.count; ++i) startingAt_.push_back(now + kStartTime);
    } else if (decision.action == sched::ScalingAction::Drain) {
      ++drains;
      drainedAt_ = now;
      auto serving = pool_.serving();
      for (unsigned i = 0; i < decision.count && !serving.empty(); ++i) {
        pool_.drain(serving.back());
        serving.pop_back();
      }
    }
  }

  SimulatedPool& pool_;
  sched::Scaling scaling_;
  unsigned fixed_;
  std::mt19937_64 random_{17};
  std::vector<TimePoint> startingAt_;
  std::optional<TimePoint> drainedAt_;
  double busyBefore_ = 0;
};

std::string simulateOne(const std::string& name, const std::vector<SimulatedModel>& models,
                        const std::vector<SimulatedCall>& calls,
                        const sched::ScalingOptions& options, unsigned fixed) {
  SimulatedPool pool({.engines = {"chromium"}, .models = models});
  const unsigned first = fixed > 0 ? fixed : 4;
  for (unsigned i = 0; i < first; ++i) pool.addWorker();
  ScaledPool scaled(pool, options, fixed);
  const auto result = pool.run(calls, [&](TimePoint now) { scaled.tick(now); });
  const double needed = result.busyWorkerMs / 3.6e6;
  const double spent = scaled.workerSeconds / 3600;
  const double p99 = quantileOf(result.waits, 0.99);
  const auto late = std::ranges::count_if(result.waits, [](float wait) {
    return wait > std::chrono::duration<float, std::milli>(kTarget).count();
  });
  return fmt::format(
      "{{\"figure\":\"day\",\"scaling\":\"{}\",\"hours\":{:.1f},\"calls\":{},\"answered\":{},"
      "\"adds\":{},\"foreseen\":{},\"drains\":{},\"thrashes\":{},\"crashes\":{},"
      "\"most_workers\":{},\"worker_hours\":{:.1f},\"busy_worker_hours\":{:.1f},"
      "\"p50_wait_ms\":{:.0f},\"p99_wait_ms\":{:.0f},\"p999_wait_ms\":{:.0f},\"target_ms\":{},"
      "\"within_target\":{:.5f}}}",
      name, double(result.makespan.count()) / 3.6e12, result.calls, result.waits.size(),
      scaled.adds, scaled.foreseen, scaled.drains, scaled.thrashes, scaled.crashes, scaled.most,
      spent, needed, quantileOf(result.waits, 0.5), p99, quantileOf(result.waits, 0.999),
      std::chrono::duration_cast<std::chrono::milliseconds>(kTarget).count(),
      1 - double(late) / double(std::max<std::size_t>(1, result.waits.size())));
}

}  // namespace

std::vector<std::string> simulateDay(bool quick) {
  const double hours = quick ? 3 : 24;
  // Long runs, of a second or so: a day of short ones would be tens of millions of calls.
  const auto models = drawModels({.count = 5, .engines = 1, .scale = 25, .seed = 3});
  const auto calls =
      drawCalls({.count = 10'000'000, .seconds = 3600 * hours}, models.size(), DayOfLoad(hours));
  sched::ScalingOptions options{.min = 2, .max = kMost};
  options.waitTarget = kTarget;
  std::vector<std::string> lines;
  lines.push_back(simulateOne("adaptive", models, calls, options, 0));
  options.predictive = false;
  lines.push_back(simulateOne("adaptive, without forecast", models, calls, options, 0));
  for (const unsigned workers : {16u, 32u, 64u}) {
    lines.push_back(
        simulateOne(fmt::format("fixed, {} workers", workers), models, calls, options, workers));
  }
  return lines;
}

}  // namespace webpool::bench

// How long a browser's death is felt, with a warm spare and without one.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "failure.h"
#include "figures.h"
#include "reference.h"
#include "stopwatch.h"
#include "webpool/pool.h"

namespace webpool::bench {
namespace {

constexpr unsigned kSteadyCalls = 20;

/// A pool of Chromium with MiniLM q4 on WASM.
class Served {
 public:
  Served(const Settings& settings, unsigned warmSpares)
      : reference_(readReference(settings, "q4", 0)) {
    PoolOptions options;
    options.cacheFolder = settings.work / "recovery";
    options.browsers = {"chromium"};
    options.warmSpares = warmSpares;
    options.wasmThreads = 1;
    const Stopwatch watch;
    pool_ = valueOf(ResourcePool::open(std::move(options)));
    model_.emplace(
        valueOf(pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .dtype = "q4"})));
    startMs_ = watch.milliseconds();
    warmSpares_ = warmSpares;
  }

  double startMs() const { return startMs_; }
  ResourcePool& pool() { return *pool_; }

  /// Milliseconds of a right answer.
  double call() {
    const Stopwatch watch;
    const auto answer = valueOf(model_->embed(std::span(&reference_.sentence, 1)));
    const double taken = watch.milliseconds();
    require(cosineSimilarity(answer.vectors[0], reference_.vector) >= reference_.leastCosine,
            "an embedding is wrong");
    return taken;
  }

  double p99(unsigned calls) {
    std::vector<double> all;
    for (unsigned i = 0; i < calls; ++i) all.push_back(call());
    std::ranges::sort(all);
    return all[static_cast<std::size_t>(double(all.size() - 1) * 0.99)];
  }

  /// Until every browser that the pool wants is there with the model. Calls go on meanwhile.
  void settle() {
    const auto whole = [this] {
      const auto all = pool_->connections();
      return all.size() == 1 + warmSpares_ && std::ranges::all_of(all, [](const auto& connection) {
               return connection.state == "ready" || connection.state == "busy";
             });
    };
    const Stopwatch watch;
    while (!whole()) {
      call();
      require(watch.seconds() < 120, "the pool does not get whole again");
    }
  }

  /// Kills the browser under a call; milliseconds from there to the first of twenty calls in a row
  /// that are no slower than `usual`.
  double killAndRecover(double usual) {
    std::jthread caller([this] { call(); });
    while (!killBusy()) std::this_thread::yield();
    const Stopwatch watch;
    caller.join();
    double since = watch.milliseconds();
    for (unsigned steady = 0; steady < kSteadyCalls;) {
      if (call() <= usual) {
        ++steady;
      } else {
        steady = 0;
        since = watch.milliseconds();
      }
      require(watch.seconds() < 120, "calls are not as quick as before after two minutes");
    }
    return since;
  }

 private:
  bool killBusy() {
    for (const auto& connection : pool_->connections()) {
      if (connection.state == "busy" && connection.pid != 0) {
        return ::kill(connection.pid, SIGKILL) == 0;
      }
    }
    return false;
  }

  Reference reference_;
  unsigned warmSpares_ = 0;
  double startMs_ = 0;
  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> model_;
};

void measure(const Settings& settings, unsigned warmSpares, Report& report) {
  Served served(settings, warmSpares);
  served.settle();
  served.p99(settings.count(50, 10));  // warm
  std::vector<double> recoveries;
  std::vector<double> starts;
  for (unsigned round = 0; round < settings.count(7, 2); ++round) {
    const double usual = served.p99(settings.count(200, 50));
    recoveries.push_back(served.killAndRecover(usual));
    starts.push_back(served.startMs());
    served.settle();
  }
  const std::string with = warmSpares > 0 ? "with a warm spare" : "without a spare";
  report.add({.figure = "Recovery after a kill, " + with,
              .numerator = {"death to calls within the p99 before", recoveries, "ms"},
              .denominator = {"open to the model's first answer", starts, "ms"},
              .ratio = ratioOf(recoveries, starts),
              .aim = std::nullopt},
             *settings.progress);
  if (warmSpares == 0) return;
  std::vector<double> launches;
  for (const auto& connection : served.pool().connections()) {
    launches.push_back(connection.launchMs);
  }
  report.addPhases({"Launches of two browsers of one pool, the latest of each (ms)",
                    {{"chromium-0", launches.at(0)}, {"chromium-1", launches.at(1)}}});
}

/// Both from nothing, one after the other, beside each other on the same machine.
void measureLaunches(const Settings& settings, Report& report) {
  std::vector<double> first;
  std::vector<double> second;
  for (unsigned round = 0; round < settings.count(7, 2); ++round) {
    Served served(settings, 1);
    served.settle();
    const auto all = served.pool().connections();
    first.push_back(all.at(0).launchMs);
    second.push_back(all.at(1).launchMs);
  }
  report.add({.figure = "Launch of a second browser",
              .numerator = {"while the first one serves", second, "ms"},
              .denominator = {"the first", first, "ms"},
              .ratio = ratioOf(second, first),
              .aim = std::nullopt},
             *settings.progress);
}

}  // namespace

void measureRecovery(const Settings& settings, Report& report) {
  measure(settings, 1, report);
  measure(settings, 0, report);
  measureLaunches(settings, report);
}

}  // namespace webpool::bench

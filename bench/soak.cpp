// Hours in minutes: calls without a pause while browsers are killed, and what that does to latency
// and memory.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "browsers/memory.h"
#include "failure.h"
#include "figures.h"
#include "reference.h"
#include "stopwatch.h"
#include "webpool/pool.h"

namespace webpool::bench {
namespace {

constexpr unsigned kCallers = 2;
constexpr double kMiB = 1 << 20;

/// Values over time; their slope by least squares.
class Series {
 public:
  void add(double seconds, double value) {
    seconds_.push_back(seconds);
    values_.push_back(value);
  }
  std::size_t size() const { return values_.size(); }
  double last() const { return values_.back(); }

  double slopePerHour() const {
    const auto n = static_cast<double>(values_.size());
    double meanX = 0;
    double meanY = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      meanX += seconds_[i] / n;
      meanY += values_[i] / n;
    }
    double products = 0;
    double squares = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      products += (seconds_[i] - meanX) * (values_[i] - meanY);
      squares += (seconds_[i] - meanX) * (seconds_[i] - meanX);
    }
    return squares > 0 ? products / squares * 3600 : 0;
  }

 private:
  std::vector<double> seconds_;
  std::vector<double> values_;
};

struct Calls {
  std::mutex mutex;
  std::vector<double> milliseconds;
  unsigned twoDeaths = 0;
  std::string failure;
};

void callUntil(const Model& model, const Reference& reference, const std::atomic<bool>& over,
               Calls& calls) {
  while (!over) {
    const Stopwatch watch;
    const auto answer = model.embed(std::span(&reference.sentence, 1));
    const double taken = watch.milliseconds();
    const std::lock_guard lock(calls.mutex);
    if (answer && cosineSimilarity(answer->vectors[0], reference.vector) >= reference.leastCosine) {
      calls.milliseconds.push_back(taken);
    } else if (!answer && answer.error().category == ErrorCategory::WorkerLost) {
      ++calls.twoDeaths;
    } else if (calls.failure.empty()) {
      calls.failure = answer ? "an embedding is wrong" : answer.error().describe();
    }
  }
}

double at(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(double(sorted.size() - 1) * share)];
}

}  // namespace

void measureSoak(const Settings& settings, Report& report) {
  const double seconds = settings.quick ? 20 : settings.soakMinutes * 60;
  const double killEvery = settings.quick ? 6 : 60;
  const double sampleEvery = settings.quick ? 1 : 5;
  const auto reference = readReference(settings, "q4", 0);
  PoolOptions options;
  options.cacheFolder = settings.work / "soak";
  options.browsers = {"chromium"};
  options.warmSpares = 1;
  options.wasmThreads = 1;
  const auto pool = valueOf(ResourcePool::open(std::move(options)));
  const auto model =
      valueOf(pool->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .dtype = "q4"}));

  Calls calls;
  std::atomic<bool> over{false};
  unsigned kills = 0;
  Series own;
  std::map<std::string, Series> browsers;  // by label and launch
  {
    std::vector<std::jthread> callers;
    for (unsigned i = 0; i < kCallers; ++i) {
      callers.emplace_back([&] { callUntil(model, reference, over, calls); });
    }
    const Stopwatch watch;
    double nextKill = killEvery;
    for (double next = sampleEvery; watch.seconds() < seconds; next += sampleEvery) {
      std::this_thread::sleep_for(std::chrono::duration<double>(next - watch.seconds()));
      own.add(watch.seconds(), double(valueOf(browsers::processPss(::getpid()))) / kMiB);
      const auto connections = pool->connections();
      for (const auto& connection : connections) {
        if (connection.pss == 0) continue;
        browsers[fmt::format("{}, launch {}", connection.label, connection.launches)].add(
            watch.seconds(), double(connection.pss) / kMiB);
      }
      // One of two is never killed: its memory is watched from the beginning to the end.
      if (watch.seconds() < nextKill || connections.empty()) continue;
      nextKill += killEvery;
      const int pid = connections.back().pid;
      if (pid != 0 && ::kill(pid, SIGKILL) == 0) ++kills;
    }
    over = true;
  }
  require(calls.failure.empty(), calls.failure);
  require(!calls.milliseconds.empty(), "no call was answered");
  std::ranges::sort(calls.milliseconds);
  std::uint64_t launches = 0;
  for (const auto& connection : pool->connections()) launches += connection.launches;

  Phases phases{
      fmt::format("Soak of {:.1f} minutes, two callers (ms, or as it says)", seconds / 60), {}};
  phases.parts = {{"calls answered right (number)", double(calls.milliseconds.size())},
                  {"p50", at(calls.milliseconds, 0.5)},
                  {"p99", at(calls.milliseconds, 0.99)},
                  {"longest", calls.milliseconds.back()},
                  {"browsers killed (number)", double(kills)},
                  {"browsers launched (number)", double(launches)},
                  {"calls lost to two deaths (number)", double(calls.twoDeaths)},
                  {"webpool's memory at the end (MiB)", own.last()},
                  {"its slope (MiB/h)", own.slopePerHour()}};
  for (const auto& [name, series] : browsers) {
    if (series.size() < 5) continue;
    phases.parts.emplace_back(name + ", memory at the end (MiB)", series.last());
    phases.parts.emplace_back(name + ", slope (MiB/h)", series.slopePerHour());
  }
  report.addPhases(std::move(phases));
}

}  // namespace webpool::bench

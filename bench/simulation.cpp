// webpool_simulation: the scheduler's machines over simulated workers, whose run times are drawn at
// random. It says how quick and how good the decisions are; it says nothing of browsers. One JSON
// object a line.
//
//   webpool_simulation [--quick] [growth] [known] [engines] [seeds] [day]      all by default
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <iostream>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "simulated_day.h"
#include "simulated_load.h"

namespace webpool::bench {
namespace {

constexpr std::uint64_t kMemory = std::uint64_t{1} << 30;
const std::vector<std::string> kEngines{"chromium", "firefox", "edge"};

void say(const std::string& line) {
  std::cout << line << std::endl;
}

/// Of this process on its core: what else the machine does is not counted.
double cpuSeconds() {
  return double(std::clock()) / CLOCKS_PER_SEC;
}

SimulationResult simulate(const SimulatedPoolOptions& options, std::size_t workers,
                          const std::vector<SimulatedCall>& calls) {
  SimulatedPool pool(options);
  for (std::size_t i = 0; i < workers; ++i) pool.addWorker();
  return pool.run(calls);
}

/// As many calls as keep so many workers busy for that share of their time, in bursts.
std::vector<SimulatedCall> callsFor(const std::vector<SimulatedModel>& models, std::size_t count,
                                    std::size_t workers, double share, std::uint64_t seed = 2) {
  const auto rateOne = [](double) { return 1000.0; };
  const double mean = meanRunMs(models, drawCalls({.count = 20'000}, models.size(), rateOne));
  const double rate = share * double(workers) * 1000 / mean;
  return drawCalls({.count = count, .seed = seed}, models.size(),
                   [&](double t) { return rate * burst(t); });
}

/// Placing alone: predict each engine, find the worker, book the run; later it ends and is learned.
double placementsASecond(const std::vector<SimulatedModel>& models, std::size_t workers,
                         std::size_t count) {
  sched::RunPredictor predictor;
  sched::PlacementIndex index;
  std::vector<std::vector<sched::RunKeyId>> keys;
  for (const auto& model : models) {
    auto& own = keys.emplace_back();
    for (const auto& engine : kEngines)
      own.push_back(predictor.idOf({.model = model.name, .browser = engine}, model.type));
  }
  for (std::size_t i = 0; i < workers; ++i) {
    const auto worker = index.addWorker(static_cast<sched::EngineIndex>(i % 3), 0);
    for (std::size_t k = 0; k < 5; ++k)
      index.addModel(worker, static_cast<sched::ModelIndex>((i * 7 + k * 11) % models.size()));
  }
  const auto calls = callsFor(models, count, workers, 0.9);
  struct Booked {
    TimePoint until{};
    sched::WorkerIndex worker = 0;
    sched::RunKeyId key = 0;
    sched::RunSize size{};
    double ms = 0;
    bool operator>(const Booked& other) const { return until > other.until; }
  };
  std::priority_queue<Booked, std::vector<Booked>, std::greater<>> booked;
  std::vector<unsigned> open(workers);
  std::vector<sched::EngineCost> costs(3);
  const double start = cpuSeconds();
  for (const auto& call : calls) {
    while (!booked.empty() && booked.top().until <= call.at) {
      const auto& done = booked.top();
      predictor.observe(done.key, done.size, done.ms);
      if (--open[done.worker] == 0) index.setIdle(done.worker);
      booked.pop();
    }
    const sched::RunSize size{1, call.length};
    for (sched::EngineIndex engine = 0; engine < 3; ++engine) {
      const auto told = predictor.predict(keys[call.model][engine], size);
      costs[engine] = {engine, Duration(static_cast<std::int64_t>(told.ms * 1e6)), {}, false};
    }
    const auto best = index.best({call.model, 0, costs, nullptr}, call.at);
    if (!best) continue;
    const double ms = call.noise * models[call.model].engineFactors[best->engine] *
                      sched::timeOf(models[call.model].truth, size);
    const auto until = call.at + best->total;
    index.setBusy(best->worker, until);
    ++open[best->worker];
    booked.push({until, best->worker, keys[call.model][best->engine], size, ms});
  }
  return double(calls.size()) / (cpuSeconds() - start);
}

void growth(bool quick) {
  const std::size_t count = quick ? 50'000 : 1'000'000;
  const auto models = drawModels({.differ = true});
  for (const std::size_t workers : {std::size_t{100}, std::size_t{1000}, std::size_t{10'000}}) {
    const double alone = placementsASecond(models, workers, count);
    const auto calls = callsFor(models, count, workers, 0.9);
    const double start = cpuSeconds();
    const auto result =
        simulate({.engines = kEngines, .models = models, .memory = kMemory}, workers, calls);
    const double took = cpuSeconds() - start;
    say(
        fmt::format("{{\"figure\":\"growth\",\"simulated_workers\":{},\"calls\":{},\"models\":{},"
                    "\"placements_per_cpu_s\":{:.0f},\"ns_per_placement\":{:.0f},"
                    "\"whole_simulation_calls_per_cpu_s\":{:.0f},\"loads\":{},\"answered\":{},"
                    "\"p99_wait_ms\":{:.1f},\"p99_latency_ms\":{:.1f}}}",
                    workers, result.calls, models.size(), alone, 1e9 / alone,
                    double(result.calls) / took, result.loads, result.latencies.size(),
                    quantileOf(result.waits, 0.99), quantileOf(result.latencies, 0.99)));
  }
}

void tellKnown(bool differ, bool before, std::size_t workers, double share,
               const SimulationResult& learned, const SimulationResult& told) {
  const auto p99 = [](const std::vector<float>& values) { return quantileOf(values, 0.99); };
  say(fmt::format(
      "{{\"figure\":\"known\",\"engines_differ\":{},\"learned_before\":{},"
      "\"simulated_workers\":{},\"calls\":{},\"load\":{},\"p99_wait_ms\":{:.2f},"
      "\"p99_wait_known_ms\":{:.2f},\"wait_ratio\":{:.3f},\"p99_latency_ms\":{:.1f},"
      "\"p99_latency_known_ms\":{:.1f},\"latency_ratio\":{:.3f},\"loads\":{},"
      "\"loads_known\":{}}}",
      differ, before, workers, learned.calls, share, p99(learned.waits), p99(told.waits),
      p99(learned.waits) / p99(told.waits), p99(learned.latencies), p99(told.latencies),
      p99(learned.latencies) / p99(told.latencies), learned.loads, told.loads));
}

/// What knowing the run times would bring: to a pool that knows nothing yet, and to one that has
/// learned from other calls of the same models.
void known(bool quick) {
  for (const bool differ : {true, false}) {
    const auto models = drawModels({.differ = differ});
    SimulatedPoolOptions options{.engines = kEngines, .models = models, .memory = kMemory};
    SimulatedPool school(options);
    for (int i = 0; i < 100; ++i) school.addWorker();
    (void)school.run(callsFor(models, 100'000, 100, 0.6));
    for (const auto& [workers, share] :
         {std::pair{std::size_t{10'000}, 0.9}, {std::size_t{1000}, 0.9}, {std::size_t{100}, 0.8}}) {
      const std::size_t count = quick ? 50'000 : workers == 10'000 ? 1'000'000 : 200'000;
      const auto calls = callsFor(models, count, workers, share);
      options.learned.clear();
      options.trueTimes = true;
      const auto told = simulate(options, workers, calls);
      options.trueTimes = false;
      tellKnown(differ, false, workers, share, simulate(options, workers, calls), told);
      options.learned = school.learned();
      tellKnown(differ, true, workers, share, simulate(options, workers, calls), told);
    }
  }
}

struct Measured {
  std::string policy;
  double throughput = 0;
  double p99 = 0;
  std::uint64_t tries = 0;
};

/// Learned placement first, then every fixed choice, on the same calls.
std::vector<Measured> measureChoices(bool differ, std::uint64_t seed, std::size_t count) {
  constexpr std::size_t kWorkers = 100;
  const auto models = drawModels({.count = 20, .differ = differ, .seed = seed + 3});
  // More than any policy can do, for the throughput; and what all could do by themselves.
  const auto flood = callsFor(models, count, kWorkers, 3, seed);
  const auto usual = callsFor(models, count, kWorkers, 0.7, seed);
  SimulatedPoolOptions base{.engines = kEngines, .models = models, .allEngines = true};
  std::vector<std::pair<std::string, SimulatedPoolOptions>> policies{{"learned", base}};
  for (std::uint32_t engine = 0; engine < kEngines.size(); ++engine) {
    policies.emplace_back("always " + kEngines[engine], base);
    policies.back().second.policy = Policy::OneEngine;
    policies.back().second.engine = engine;
  }
  for (const auto& [name, policy] : {std::pair{"round robin", Policy::RoundRobin},
                                     {"least loaded", Policy::LeastLoaded},
                                     {"seed's table", Policy::Table}}) {
    policies.emplace_back(name, base);
    policies.back().second.policy = policy;
  }
  std::vector<Measured> all;
  for (const auto& [name, options] : policies) {
    const auto full = simulate(options, kWorkers, flood);
    const auto result = simulate(options, kWorkers, usual);
    const double took = std::chrono::duration<double>(full.makespan).count();
    all.push_back(
        {name, double(full.calls) / took, quantileOf(result.latencies, 0.99), result.tries});
  }
  return all;
}

void engines(bool quick) {
  for (const bool differ : {true, false}) {
    const auto all = measureChoices(differ, 2, quick ? 20'000 : 200'000);
    const auto& learned = all.front();
    for (const auto& one : all) {
      say(
          fmt::format("{{\"figure\":\"engines\",\"engines_differ\":{},\"policy\":\"{}\","
                      "\"calls_per_s\":{:.1f},\"p99_latency_ms\":{:.1f},\"tries\":{},"
                      "\"learned_throughput_ratio\":{:.3f},\"learned_p99_ratio\":{:.3f}}}",
                      differ, one.policy, one.throughput, one.p99, one.tries,
                      learned.throughput / one.throughput, learned.p99 / one.p99));
    }
  }
}

/// The same for other models and calls, each against the best of the fixed choices; and against
/// each choice over all of them, which is what somebody has who decides before: which choice is the
/// best one on certain calls is known afterwards only, and partly luck.
void seeds(bool quick) {
  const std::uint64_t count = quick ? 2 : 6;
  for (const bool differ : {true, false}) {
    std::map<std::string, std::pair<double, double>> logs;  // of learned ÷ the choice, summed
    for (std::uint64_t seed = 2; seed < 2 + count; ++seed) {
      const auto all = measureChoices(differ, seed, quick ? 10'000 : 200'000);
      const auto& learned = all.front();
      const auto fixed = std::span(all).subspan(1);
      const auto& quickest = std::ranges::max(fixed, {}, &Measured::throughput);
      const auto& shortest = std::ranges::min(fixed, {}, &Measured::p99);
      for (const auto& one : fixed) {
        auto& [throughput, p99] = logs[one.policy];
        throughput += std::log(learned.throughput / one.throughput);
        p99 += std::log(one.p99 / learned.p99);
      }
      say(fmt::format(
          "{{\"figure\":\"seeds\",\"engines_differ\":{},\"seed\":{},\"best_throughput\":\"{}\","
          "\"best_p99\":\"{}\",\"throughput_of_best\":{:.3f},\"p99_of_best\":{:.3f}}}",
          differ, seed, quickest.policy, shortest.policy, learned.throughput / quickest.throughput,
          shortest.p99 / learned.p99));
    }
    for (const auto& [policy, sums] : logs) {
      say(
          fmt::format("{{\"figure\":\"seeds\",\"engines_differ\":{},\"policy\":\"{}\","
                      "\"seeds\":{},\"throughput_of_it\":{:.3f},\"p99_of_it\":{:.3f}}}",
                      differ, policy, count, std::exp(sums.first / double(count)),
                      std::exp(sums.second / double(count))));
    }
  }
}

int run(const std::vector<std::string>& arguments) {
  const std::set<std::string> wanted(arguments.begin(), arguments.end());
  const bool quick = wanted.contains("--quick");
  const bool all = wanted.size() == (quick ? 1u : 0u);
  for (const auto& word : wanted) {
    if (word != "--quick" && word != "growth" && word != "known" && word != "engines" &&
        word != "seeds" && word != "day") {
      std::cerr << "webpool_simulation [--quick] [growth] [known] [engines] [seeds] [day]\n";
      return 2;
    }
  }
  if (all || wanted.contains("growth")) growth(quick);
  if (all || wanted.contains("known")) known(quick);
  if (all || wanted.contains("engines")) engines(quick);
  if (all || wanted.contains("seeds")) seeds(quick);
  if (all || wanted.contains("day")) {
    for (const auto& line : simulateDay(quick)) say(line);
  }
  return 0;
}

}  // namespace
}  // namespace webpool::bench

int main(int argc, char** argv) {
  return webpool::bench::run({argv + 1, argv + argc});
}

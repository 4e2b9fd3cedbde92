// What it brings that calls which come at once share runs: a text embedding model in one worker,
// many calls in flight, against each call a run of its own.
#include <array>
#include <random>
#include <string>
#include <vector>

#include "figures.h"
#include "pool_access.h"

namespace webpool::bench {
namespace {

constexpr unsigned kInFlight = 32;

std::string wordsOf(std::mt19937& random, std::size_t count) {
  static constexpr std::array<const char*, 8> kWords{"river",  "quietly", "machine", "the",
                                                     "orange", "under",   "because", "window"};
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kWords[random() % kWords.size()];
    text += ' ';
  }
  return text;
}

/// No two are equal, which would be one run.
std::vector<std::vector<Tensor>> calls(unsigned count, bool mixed) {
  std::mt19937 random(11);
  std::vector<std::vector<Tensor>> all;
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t words = mixed ? 4 + random() % 100 : 16;
    all.push_back({textTensor(std::to_string(i) + ' ' + wordsOf(random, words))});
  }
  return all;
}

void measure(OpenPool& pool, const std::string& dtype, bool mixed, const Settings& settings,
             Report& report) {
  OpenModel model(pool, "all-minilm-l6-v2", dtype, {{"pooling", "mean"}, {"normalize", true}});
  const auto all = calls(settings.count(96, 32), mixed);
  model.warmUp(all.front(), settings.count(30, 5));
  const auto rate = [&](unsigned inFlight, bool shared) {
    return 1000 * double(all.size()) / model.runAll(all, inFlight, shared);
  };
  const std::array<Slice, 2> slices{[&] { return rate(kInFlight, true); },
                                    [&] { return rate(2, false); }};
  const auto values = alternate(slices, settings.count(9, 2));
  report.add({.figure = "Batches, MiniLM " + dtype + (mixed ? ", mixed lengths" : ", one length"),
              .numerator = {"32 calls in flight, sharing runs", values[0], "texts/s"},
              .denominator = {"a run for each, two in flight", values[1], "texts/s"},
              .ratio = ratioOf(values[0], values[1]),
              .aim = {}},
             *settings.progress);
}

}  // namespace

void measureBatching(const Settings& settings, Report& report) {
  OpenPool pool;
  for (const std::string dtype : {"fp32", "q4"}) {
    measure(pool, dtype, false, settings, report);
    measure(pool, dtype, true, settings, report);
  }
}

}  // namespace webpool::bench

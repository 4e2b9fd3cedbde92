// Many calls at once through the pool, beside a page by itself that is asked one after another:
// what somebody has who puts a model into a web page.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "failure.h"
#include "figures.h"
#include "pool/batch_tensors.h"
#include "pool_access.h"
#include "slices.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

constexpr unsigned kInFlight = 32;
constexpr unsigned kBrowsers = 2;
constexpr const char* kEmbedder = "all-minilm-l6-v2";
/// The same model in the precision that is fastest on WASM; bench/run puts it into the store.
constexpr const char* kTuned = "minilm-8-bit";

PoolOptions twoBrowsers() {
  return {.maxConnections = kBrowsers, .warmSpares = kBrowsers - 1};
}

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
std::vector<std::vector<Tensor>> textCalls(unsigned count, bool mixed) {
  std::mt19937 random(11);
  std::vector<std::vector<Tensor>> all;
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t words = mixed ? 4 + random() % 100 : 16;
    all.push_back({textTensor(std::to_string(i) + ' ' + wordsOf(random, words))});
  }
  return all;
}

/// Every browser has the model, and its best code for it.
void waitForBoth(OpenModel& model, const std::vector<Tensor>& inputs) {
  const Stopwatch watch;
  while (model.workers() < kBrowsers) {
    if (watch.milliseconds() > 120'000) throw BenchFailure("the second browser has no model");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  model.warmUp(inputs, 30);
}

double pageRate(OpenModel& model, const std::vector<std::vector<Tensor>>& calls) {
  double ms = 0;
  for (const auto& inputs : calls) ms += model.loopInPage(inputs, 1);
  return 1000 * double(calls.size()) / ms;
}

struct Kind {
  OpenModel& model;
  std::vector<std::vector<Tensor>> calls;
};

/// Both pages at once, each as pageRate(), with all of the calls: what two browsers on these cores
/// could give where nothing but the runs is counted.
double rateOfBothPages(const std::vector<Kind>& kinds) {
  std::array<double, kBrowsers> rates{};
  std::vector<std::jthread> pages;
  for (std::size_t browser = 0; browser < kBrowsers; ++browser) {
    pages.emplace_back([&kinds, browser, &rate = rates.at(browser)] {
      double ms = 0;
      double calls = 0;
      for (const auto& kind : kinds) {
        for (const auto& inputs : kind.calls) ms += kind.model.loopInPage(inputs, 1, browser);
        calls += double(kind.calls.size());
      }
      rate = 1000 * calls / ms;
    });
  }
  pages.clear();
  return rates[0] + rates[1];
}

/// So many texts in a run, as they come.
double pageRateInBatches(OpenModel& model, const std::vector<std::vector<Tensor>>& calls) {
  constexpr std::size_t kTogether = 8;
  double ms = 0;
  for (std::size_t i = 0; i < calls.size(); i += kTogether) {
    const auto last = std::min(i + kTogether, calls.size());
    const std::vector<std::vector<Tensor>> some(calls.begin() + long(i),
                                                calls.begin() + long(last));
    ms += model.loopInPage(valueOf(pool::joinInputs(some)), 1);
  }
  return 1000 * double(calls.size()) / ms;
}

void measureTexts(OpenModel& tuned, OpenModel& published, bool mixed, const Settings& settings,
                  Report& report) {
  const auto calls = textCalls(settings.count(96, 24), mixed);
  const auto pooled = [&](bool shared) {
    return 1000 * double(calls.size()) / tuned.runAll(calls, kInFlight, shared);
  };
  const std::vector<Kind> kinds{{tuned, calls}};
  const std::array<Slice, 6> slices{[&] { return pooled(true); },
                                    [&] { return pooled(false); },
                                    [&] { return pageRate(tuned, calls); },
                                    [&] { return pageRateInBatches(tuned, calls); },
                                    [&] { return pageRate(published, calls); },
                                    [&] { return rateOfBothPages(kinds); }};
  const auto values = alternate(slices, settings.count(9, 2));
  const std::string figure = mixed ? "Concurrent MiniLM, mixed lengths" : "Concurrent MiniLM";
  const Side pool{"the pool: q8, two browsers, 32 calls in flight", values[0], "texts/s"};
  const Side one{"one page, q8, one after another", values[2], "texts/s"};
  const Side eight{"one page, q8, eight in a run", values[3], "texts/s"};
  const Side plain{"one page, q4 as published, one after another", values[4], "texts/s"};
  const auto& best = medianOf(one.values) < medianOf(eight.values) ? eight : one;
  const auto& other = &best == &one ? eight : one;
  const auto add = [&](const Side& numerator, const Side& denominator, std::optional<Aim> aim) {
    report.add({.figure = figure,
                .numerator = numerator,
                .denominator = denominator,
                .ratio = ratioOf(numerator.values, denominator.values),
                .aim = aim},
               *settings.progress);
  };
  add(pool, plain, Aim{Aim::Kind::AtLeast, 3.5});
  add(pool, best, Aim{Aim::Kind::AtLeast, mixed ? 1.8 : 1.6});
  add(pool, other, {});
  add({"of it, the pool with a run for each call", values[1], "texts/s"}, best, {});
  add({"of it, two pages at once, one after another", values[5], "texts/s"}, one, {});
  add(best, plain, {});
}

/// So many calls that differ in the first number of the first input: equal ones would be one run.
std::vector<std::vector<Tensor>> differingCalls(const std::vector<Tensor>& inputs, unsigned count) {
  std::vector<std::vector<Tensor>> all;
  for (unsigned i = 0; i < count; ++i) {
    auto call = inputs;
    auto& first = call.front();
    std::string data(first.data.text());
    const auto put = [&](auto number) { std::memcpy(data.data(), &number, sizeof number); };
    if (first.type == DataType::Fp32) {
      put(1e-6F * float(i));
    } else if (first.type == DataType::Int32) {
      put(static_cast<std::int32_t>(i % 256));
    } else {
      throw BenchFailure("inputs of this type have no variants here");
    }
    first.data = Bytes::adopt(std::move(data));
    all.push_back(std::move(call));
  }
  return all;
}

/// Three kinds of model asked at once, and one after another.
void measureMix(OpenPool& pool, OpenModel& q8, OpenModel& published, const Settings& settings,
                Report& report) {
  OpenModel silero(pool, "silero-vad-v5", "fp32");
  OpenModel magika(pool, "magika", "fp32");
  const unsigned count = settings.count(48, 12);
  std::vector<Kind> kinds{{q8, textCalls(count, true)},
                          {silero, differingCalls(silero.goldenInputs(), 4 * count)},
                          {magika, differingCalls(magika.goldenInputs(), count)}};
  double calls = 0;
  for (auto& kind : kinds) {
    waitForBoth(kind.model, kind.calls.front());
    calls += double(kind.calls.size());
  }
  const auto pooled = [&](bool shared) {
    const Stopwatch watch;
    std::vector<std::jthread> callers;
    for (auto& kind : kinds) {
      callers.emplace_back([&kind, shared] { kind.model.runAll(kind.calls, 16, shared); });
    }
    callers.clear();
    return 1000 * calls / watch.milliseconds();
  };
  const auto oneAfterAnother = [&](OpenModel& embedder) {
    double seconds = 0;
    for (auto& kind : kinds) {
      auto& model = &kind.model == &q8 ? embedder : kind.model;
      seconds += double(kind.calls.size()) / pageRate(model, kind.calls);
    }
    return calls / seconds;
  };
  const std::array<Slice, 5> slices{[&] { return pooled(true); }, [&] { return pooled(false); },
                                    [&] { return oneAfterAnother(published); },
                                    [&] { return oneAfterAnother(q8); },
                                    [&] { return rateOfBothPages(kinds); }};
  const auto values = alternate(slices, settings.count(9, 2));
  const Side shared{"the pool, two browsers", values[0], "calls/s"};
  const Side single{"of it, the pool with a run for each call", values[1], "calls/s"};
  const Side plain{"one page, as published, one after another", values[2], "calls/s"};
  const Side tuned{"one page, the embedder in q8, one after another", values[3], "calls/s"};
  const auto add = [&](const Side& numerator, const Side& denominator, std::optional<Aim> aim) {
    report.add({.figure = "Three models at once: MiniLM, Silero, magika",
                .numerator = numerator,
                .denominator = denominator,
                .ratio = ratioOf(numerator.values, denominator.values),
                .aim = aim},
               *settings.progress);
  };
  add(shared, plain, Aim{Aim::Kind::AtLeast, 3.5});
  add(shared, tuned, Aim{Aim::Kind::AtLeast, 1.8});
  add(single, plain, {});
  add({"of it, two pages at once, one after another", values[4], "calls/s"}, tuned, {});
}

}  // namespace

void measureConcurrent(const Settings& settings, Report& report) {
  OpenPool pool(twoBrowsers());
  const boost::json::object pooling{{"pooling", "mean"}, {"normalize", true}};
  OpenModel tuned(pool, kTuned, "q8", pooling, "text-embedding");
  OpenModel published(pool, kEmbedder, "q4", pooling);
  std::mt19937 random(1);
  const std::vector<Tensor> sample{textTensor(wordsOf(random, 16))};
  waitForBoth(tuned, sample);
  waitForBoth(published, sample);
  measureTexts(tuned, published, false, settings, report);
  measureTexts(tuned, published, true, settings, report);
  measureMix(pool, tuned, published, settings, report);
}

}  // namespace webpool::bench

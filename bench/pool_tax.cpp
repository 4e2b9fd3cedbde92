// What the pool costs a model whose run is long (tens of milliseconds).
#include <array>
#include <numeric>

#include "figures.h"
#include "pool_access.h"

namespace webpool::bench {
namespace {

constexpr const char* kSentence =
    "The quick brown fox jumps over the lazy dog while the curious cat watches quietly";
constexpr unsigned kWarmUpRuns = 50;

void measure(OpenPool& pool, const std::string& dtype, const Settings& settings, Report& report) {
  OpenModel model(pool, "all-minilm-l6-v2", dtype, {{"pooling", "mean"}, {"normalize", true}});
  const std::vector<Tensor> inputs{textTensor(kSentence)};
  model.warmUp(inputs, settings.count(kWarmUpRuns, 20));

  const unsigned count = 20;
  std::vector<double> runs;  // medians of a slice, in milliseconds
  std::vector<double> queues;
  const std::array<Slice, 3> slices{
      [&] { return 1000 / model.loopInPage(inputs, count); },
      [&] {
        const auto calls = model.runOneByOne(inputs, count);
        runs.push_back(medianOf(valuesOf(calls, &RunTimings::runMs)));
        queues.push_back(medianOf(valuesOf(calls, &RunTimings::queueMs)));
        const auto times = valuesOf(calls, &RunTimings::totalMs);
        return 1000 * count / std::accumulate(times.begin(), times.end(), 0.0);
      },
      [&] { return 1000 * count / model.runTwoInFlight(inputs, count); },
  };
  const auto values = alternate(slices, settings.count(21, 3));
  const Side loop{"the same, looped inside the page", values[0], "sentences/s"};
  const auto add = [&](const std::string& how, const std::vector<double>& rates, double aim) {
    report.add({.figure = "Pool tax, MiniLM " + dtype + ", " + how,
                .numerator = {"through the pool", rates, "sentences/s"},
                .denominator = loop,
                .ratio = ratioOf(rates, values[0]),
                .aim = Aim{Aim::Kind::AtLeast, aim}},
               *settings.progress);
  };
  add("one at a time", values[1], 0.95);
  add("two in flight", values[2], 0.97);
  report.addPhases({"MiniLM " + dtype + ", one call, one at a time (ms)",
                    {{"through the pool", 1000 / medianOf(values[1])},
                     {"of it, the run in the page", medianOf(runs)},
                     {"of it, from the frame's arrival to the run", medianOf(queues)},
                     {"a run of the loop in the page", 1000 / medianOf(values[0])}}});
}

}  // namespace

void measurePoolTax(const Settings& settings, Report& report) {
  OpenPool pool;
  measure(pool, "fp32", settings, report);
  measure(pool, "q4", settings, report);
}

}  // namespace webpool::bench

// What the pool adds to a model whose run is short (below a millisecond or two).
#include <array>
#include <cstddef>

#include "bare_browser.h"
#include "failure.h"
#include "figures.h"
#include "pool_access.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

constexpr std::size_t kKibibyte = 1024;

Bytes kibibyte() {
  return Bytes::adopt(std::vector<std::byte>(kKibibyte, std::byte{7}));
}

double bareMedian(BareBrowser& bare, unsigned count) {
  std::vector<double> milliseconds;
  for (unsigned i = 0; i < count; ++i) {
    const Stopwatch watch;
    bare.roundTrips(kibibyte(), 1, 1);
    milliseconds.push_back(watch.milliseconds());
  }
  return medianOf(milliseconds);
}

double echoMedian(OpenPool& pool, unsigned count) {
  const Tensor tensor{"x", DataType::Uint8, {kKibibyte}, kibibyte()};
  std::vector<double> milliseconds;
  for (unsigned i = 0; i < count; ++i) {
    const Stopwatch watch;
    (void)valueOf(pool.echo({tensor}));
    milliseconds.push_back(watch.milliseconds());
  }
  return medianOf(milliseconds);
}

}  // namespace

void measureShortRun(const Settings& settings, Report& report) {
  BareServer server;
  server.serveFolder("/pages/", settings.source / "bench/pages");
  OpenPool pool;
  BareBrowser bare(server, "/pages/echo.html", settings.work / "cache-bare");
  OpenModel model(pool, "silero-vad-v5", "fp32");
  const auto inputs = model.goldenInputs();

  const unsigned count = settings.count(150, 50);
  model.warmUp(inputs, count);
  bareMedian(bare, count);
  echoMedian(pool, count);

  // A run that comes alone takes longer than one in a loop, whose code and data are still in the
  // processor's caches: that part of what is added is not the pool's.
  std::vector<double> alone;
  std::vector<double> handedOver;
  const std::array<Slice, 4> slices{
      [&] {
        const auto calls = model.runOneByOne(inputs, count);
        alone.push_back(medianOf(valuesOf(calls, &RunTimings::runMs)));
        handedOver.push_back(medianOf(valuesOf(calls, &RunTimings::queueMs)));
        return medianOf(valuesOf(calls, &RunTimings::totalMs));
      },
      [&] { return model.loopInPage(inputs, count); },
      [&] { return bareMedian(bare, count); },
      [&] { return echoMedian(pool, count); },
  };
  const auto values = alternate(slices, settings.count(25, 3));
  std::vector<double> added;
  for (std::size_t i = 0; i < values[0].size(); ++i) added.push_back(values[0][i] - values[1][i]);
  const Side numerator{"p50 through the pool − run time in the page", added, "ms"};
  report.add({.figure = "Added to a short run, Silero",
              .numerator = numerator,
              .denominator = {"p50 of 1 KiB to a bare page and back", values[2], "ms"},
              .ratio = ratioOf(added, values[2]),
              .aim = Aim{Aim::Kind::AtMost, 3}},
             *settings.progress);
  report.add({.figure = "Added to a short run, Silero",
              .numerator = numerator,
              .denominator = {"p50 of 1 KiB to the pool's page and back", values[3], "ms"},
              .ratio = ratioOf(added, values[3]),
              .aim = std::nullopt},
             *settings.progress);
  report.addPhases({"Silero, one call",
                    {{"p50 through the pool", medianOf(values[0])},
                     {"of it from the page's socket to the model's thread", medianOf(handedOver)},
                     {"of it in the runtime", medianOf(alone)},
                     {"run in the page, in a loop", medianOf(values[1])}}});
}

}  // namespace webpool::bench

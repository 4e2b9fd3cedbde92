// A tensor of 1 MiB to the page and back: what the way itself carries.
#include <protozero/pbf_writer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <thread>

#include "bare_browser.h"
#include "base/file.h"
#include "failure.h"
#include "figures.h"
#include "playwright.h"
#include "pool_access.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

constexpr std::int64_t kElements = 1 << 18;  // 1 MiB of float32

Tensor makeTensor() {
  std::mt19937 random(1);
  std::vector<float> values(kElements);
  for (auto& value : values) value = static_cast<float>(random()) / 4e9F;
  return Tensor::of<float>("x", DataType::Fp32, {kElements}, values);
}

/// ONNX: y = Identity(x), float32 [n].
std::string identityModel() {
  const auto port = [](const char* name) {
    std::string dimension;
    protozero::pbf_writer(dimension).add_string(2, "n");
    std::string shape;
    protozero::pbf_writer(shape).add_message(1, dimension);
    std::string tensor;
    protozero::pbf_writer tensorWriter(tensor);
    tensorWriter.add_int32(1, 1);
    tensorWriter.add_message(2, shape);
    std::string type;
    protozero::pbf_writer(type).add_message(1, tensor);
    std::string value;
    protozero::pbf_writer writer(value);
    writer.add_string(1, name);
    writer.add_message(2, type);
    return value;
  };
  std::string node;
  protozero::pbf_writer nodeWriter(node);
  nodeWriter.add_string(1, "x");
  nodeWriter.add_string(2, "y");
  nodeWriter.add_string(4, "Identity");
  std::string graph;
  protozero::pbf_writer graphWriter(graph);
  graphWriter.add_message(1, node);
  graphWriter.add_string(2, "identity");
  graphWriter.add_message(11, port("x"));
  graphWriter.add_message(12, port("y"));
  std::string opset;
  protozero::pbf_writer(opset).add_int64(2, 13);
  std::string model;
  protozero::pbf_writer modelWriter(model);
  modelWriter.add_int64(1, 8);
  modelWriter.add_message(7, graph);
  modelWriter.add_message(8, opset);
  return model;
}

bool sameBytes(const Bytes& a, const Bytes& b) {
  return std::ranges::equal(a.view(), b.view());
}

/// Milliseconds of `count` echoes by the thread of the page that owns the socket.
double echoes(OpenPool& pool, const Tensor& tensor, unsigned count, unsigned inFlight) {
  std::optional<std::string> failed;
  const auto lane = [&](unsigned share) {
    for (unsigned i = 0; i < share; ++i) {
      if (auto back = pool.echo({tensor}); !back) failed = back.error().describe();
    }
  };
  const Stopwatch watch;
  {
    std::optional<std::jthread> other;
    if (inFlight == 2) other.emplace(lane, count / 2);
    lane(inFlight == 2 ? count - count / 2 : count);
  }
  require(!failed, failed.value_or(""));
  return watch.milliseconds();
}

}  // namespace

void measureTensor(const Settings& settings, Report& report) {
  const auto file = settings.work / "identity.onnx";
  valueOf(base::writeFileAtomically(file, identityModel()));
  BareServer server;
  server.serveFolder("/pages/", settings.source / "bench/pages");
  OpenPool pool;
  BareBrowser bare(server, "/pages/echo.html", settings.work / "cache-bare");
  OpenModel identity(pool, file.string(), "");
  Playwright playwright(settings.source / "bench/playwright.mjs", bare.program());
  const auto tensor = makeTensor();

  const auto back = valueOf(pool.echo({tensor}));
  require(back.size() == 1 && sameBytes(back[0].data, tensor.data), "the page echoes other bytes");
  const auto out = valueOf(identity.model().run({tensor}));
  require(sameBytes(out.outputs.at(0).data, tensor.data), "Identity answers other bytes");
  bare.roundTrips(tensor.data, 1, 1);
  require(sameBytes(bare.lastAnswer(), tensor.data), "the bare page echoes other bytes");

  const unsigned count = settings.count(40, 20);
  const unsigned few = settings.count(4, 2);  // Playwright takes more than ten times as long.
  for (const unsigned inFlight : {1U, 2U}) {
    const auto rate = [](unsigned trips, double milliseconds) {
      return 1000 * trips / milliseconds;
    };
    const std::array<Slice, 5> slices{
        [&] { return rate(count, echoes(pool, tensor, count, inFlight)); },
        [&] {
          if (inFlight == 2) return rate(count, identity.runTwoInFlight({tensor}, count));
          const Stopwatch watch;
          identity.runOneByOne({tensor}, count);
          return rate(count, watch.milliseconds());
        },
        [&] {
          const Stopwatch watch;
          bare.roundTrips(tensor.data, count, inFlight);
          return rate(count, watch.milliseconds());
        },
        [&] { return rate(few, playwright.roundTrips(few, inFlight, Playwright::Form::Text)); },
        [&] { return rate(few, playwright.roundTrips(few, inFlight, Playwright::Form::Bytes)); },
    };
    for (const auto& slice : slices) slice();  // Warm-up.
    const auto values = alternate(slices, settings.count(21, 3));
    const std::string how = inFlight == 1 ? ", one at a time" : ", two in flight";
    const auto add = [&](const std::string& what, const std::vector<double>& measured,
                         const std::string& with, const std::vector<double>& compared,
                         std::optional<double> aim) {
      report.add({.figure = "1 MiB to the page and back" + how,
                  .numerator = {what, measured, "MiB/s"},
                  .denominator = {with, compared, "MiB/s"},
                  .ratio = ratioOf(measured, compared),
                  .aim = aim ? std::optional(Aim{Aim::Kind::AtLeast, *aim}) : std::nullopt},
                 *settings.progress);
    };
    add("pool, echo", values[0], "bare Beast server and page", values[2], 0.8);
    add("pool, Identity on wasm", values[1], "bare Beast server and page", values[2], 0.8);
    add("pool, echo", values[0], "Playwright's evaluate, base64 text", values[3], 12);
    add("pool, Identity on wasm", values[1], "Playwright's evaluate, base64 text", values[3], 12);
    add("pool, echo", values[0], "Playwright's evaluate, base64 decoded in the page", values[4],
        std::nullopt);
  }
}

}  // namespace webpool::bench

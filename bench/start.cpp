// From nothing to the first correct embedding: against what can't be avoided, which is a browser's
// launch and the making of a session from bytes in memory.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <thread>

#include "bare_browser.h"
#include "base/paths.h"
#include "failure.h"
#include "figures.h"
#include "pool/model_source.h"
#include "reference.h"
#include "stopwatch.h"
#include "webpool/pool.h"

namespace webpool::bench {
namespace {

constexpr const char* kModel = "all-minilm-l6-v2";

/// Median of one start, part by part; kept in the order of their first mention.
class Parts {
 public:
  void add(const std::string& name, double value) {
    if (!values_.contains(name)) order_.push_back(name);
    values_[name].push_back(value);
  }
  const std::vector<double>& of(const std::string& name) const { return values_.at(name); }
  Phases phases(const std::string& of) const {
    Phases phases{of, {}};
    for (const auto& name : order_) phases.parts.emplace_back(name, medianOf(values_.at(name)));
    return phases;
  }

 private:
  std::vector<std::string> order_;
  std::map<std::string, std::vector<double>> values_;
};

/// Serves the graph and its external data as the store keeps them; their addresses, the graph
/// first.
std::string serveModel(BareServer& server, const std::string& dtype) {
  const auto source = valueOf(pool::ModelSource::open(base::pathsFromEnvironment().data));
  ModelOptions options;
  options.dtype = dtype;
  const auto model = valueOf(source->resolve(kModel, options));
  std::string graph;
  std::string data;
  for (const auto& file : model.files) {
    if (!file.isWeights()) continue;
    const auto found = valueOf(source->content().resolve(file.cid));
    const auto path = "/model/" + file.path;
    server.serveBytes(path,
                      valueOf(store::readContent(std::get<store::ResolvedFile>(found).content)));
    (path.ends_with(".onnx") ? graph : data) += " " + path;
  }
  return graph + data;
}

/// One start of the pool; `cached`: the browser must have kept the model.
void startPool(const std::filesystem::path& cache, const std::string& dtype,
               const Reference& expected, bool cached, Parts& parts) {
  PoolOptions poolOptions;
  poolOptions.cacheFolder = cache;
  poolOptions.wasmThreads = 1;
  std::string notices;
  poolOptions.notice = [&](const std::string& text) { notices += "; " + text; };
  const Stopwatch all;
  const auto pool = valueOf(ResourcePool::open(std::move(poolOptions)));
  const double opened = all.milliseconds();

  double resolved = 0;
  ModelOptions options;
  options.backend = Backend::Wasm;
  options.dtype = dtype;
  options.progress = [&](const Progress& progress) {
    if (progress.step == "launch") resolved = all.milliseconds();
  };
  const auto model = valueOf(pool->load(kModel, options));
  const double loaded = all.milliseconds();
  const auto answer = valueOf(model.embed(std::span(&expected.sentence, 1)));
  const double total = all.milliseconds();

  require(cosineSimilarity(answer.vectors.at(0), expected.vector) >= expected.leastCosine,
          "the first embedding is wrong");
  const auto& timings = model.info().timings;
  require(!cached || timings.bytesNetwork == 0,
          fmt::format("the second start fetched {} bytes of the model{}", timings.bytesNetwork,
                      notices));
  parts.add("total", total);
  parts.add("open", opened);
  parts.add("find the model", resolved - opened);
  parts.add("launch", timings.launchMs);
  parts.add("fetch", timings.fetchMs);
  parts.add("compile", timings.compileMs);
  parts.add("warm-up", timings.warmupMs);
  parts.add("check of the backend, messages", loaded - resolved - timings.launchMs -
                                                  timings.fetchMs - timings.compileMs -
                                                  timings.warmupMs);
  parts.add("first run", total - loaded);
}

void startBare(BareServer& server, const std::filesystem::path& cache, const std::string& model,
               Parts& parts) {
  BareBrowser browser(server, "/pages/session.html", cache);
  const auto size = browser.ask("prepare" + model);
  require(std::atoll(size.c_str()) > 0, "the bare page: " + size);
  const auto ask = [&] {
    const auto answer = browser.ask("create");
    const double milliseconds = std::strtod(answer.c_str(), nullptr);
    require(milliseconds > 0, "the bare page: " + answer);
    return milliseconds;
  };
  const double session = ask();
  parts.add("total", browser.launchMs() + session);
  parts.add("launch", browser.launchMs());
  parts.add("session", session);
  parts.add("session again", ask());
}

/// The processes of the browser before are gone, but the kernel may still be at its memory.
void settle() {
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
}

void measure(BareServer& server, const std::string& dtype, const Settings& settings,
             Report& report) {
  const auto expected = readReference(settings, dtype, 0);
  const auto model = serveModel(server, dtype);

  std::array<Parts, 2> poolParts;  // first start, second start
  std::array<Parts, 2> bareParts;
  for (unsigned round = 0; round < settings.count(7, 2); ++round) {
    const auto poolCache = settings.work / "start-pool";
    const auto bareCache = settings.work / "start-bare";
    std::filesystem::remove_all(poolCache);
    std::filesystem::remove_all(bareCache);
    for (unsigned start = 0; start < 2; ++start) {
      settle();
      startPool(poolCache, dtype, expected, start == 1, poolParts[start]);
      settle();
      startBare(server, bareCache, model, bareParts[start]);
    }
    std::filesystem::remove_all(poolCache);
    std::filesystem::remove_all(bareCache);
  }

  constexpr std::array<const char*, 2> kNames{"first start", "second start (model in OPFS)"};
  constexpr std::array<double, 2> kAims{1.5, 1.2};
  for (unsigned start = 0; start < 2; ++start) {
    const std::string name = std::string(kNames[start]) + ", MiniLM " + dtype;
    const auto& ours = poolParts[start].of("total");
    const auto& bare = bareParts[start].of("total");
    report.add({.figure = "Start: " + name,
                .numerator = {"open to first correct embedding", ours, "ms"},
                .denominator = {"launch alone + session alone", bare, "ms"},
                .ratio = ratioOf(ours, bare),
                .aim = Aim{Aim::Kind::AtMost, kAims[start]}},
               *settings.progress);
    report.addPhases(poolParts[start].phases("Pool, " + name + " (ms)"));
    report.addPhases(bareParts[start].phases("Bare, " + name + " (ms)"));
  }
}

}  // namespace

void measureStart(const Settings& settings, Report& report) {
  BareServer server;
  server.serveFolder("/pages/", settings.source / "bench/pages");
  server.serveFolder("/ort/", settings.source / "web/node_modules/onnxruntime-web/dist");
  measure(server, "fp32", settings, report);
  measure(server, "q4", settings, report);
}

}  // namespace webpool::bench

// What a model takes of a browser's memory, against the estimate from its file.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/paths.h"
#include "failure.h"
#include "figures.h"
#include "onnx/memory_estimate.h"
#include "onnx/testing/model_builder.h"
#include "pool/model_source.h"
#include "webpool/pool.h"

namespace webpool::bench {
namespace {

struct Subject {
  std::string name;   ///< for the report
  std::string model;  ///< a name or a path
  std::string dtype;
};

constexpr double kMiB = 1 << 20;

/// A model of one weight, written as a file.
Subject written(const Settings& settings, std::int64_t rows, std::int64_t columns) {
  const auto name = fmt::format("MatMul {} x {}", rows, columns);
  const auto path = settings.work / fmt::format("matmul-{}-{}.onnx", rows, columns);
  std::ofstream(path, std::ios::binary)
      << onnx::testing::matMulModel(DataType::Fp32, rows, columns);
  return {name, path.native(), ""};
}

/// The browser's memory when its samples, one a second, no longer change.
double settled(ResourcePool& pool) {
  double before = 0;
  for (unsigned i = 0; i < 30; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2200));
    const double now = double(pool.connections().at(0).pss) / kMiB;
    if (now > 0 && std::abs(now - before) < 1) return now;
    before = now;
  }
  return before;
}

double estimate(const Subject& subject) {
  const auto source = valueOf(pool::ModelSource::open(base::pathsFromEnvironment().data));
  ModelOptions options;
  options.dtype = subject.dtype;
  const auto model = valueOf(source->resolve(subject.model, options));
  std::uint64_t graphBytes = 0;
  for (const auto& file : model.files) {
    if (file.path.empty() || file.path.ends_with(".onnx")) graphBytes = file.size;
  }
  return double(onnx::estimateMemory(model.graph, graphBytes,
                                     onnx::measuredCoefficients(Backend::Wasm))
                    .residentBytes) /
         kMiB;
}

void measure(const Settings& settings, const Subject& subject, Report& report) {
  std::vector<double> growth;
  for (unsigned round = 0; round < settings.count(3, 1); ++round) {
    PoolOptions options;
    options.cacheFolder = settings.work / "memory";
    options.browsers = {"chromium"};
    options.wasmThreads = 1;
    options.memoryBudget = std::uint64_t{1} << 40;  // never reached; it makes samples frequent
    const auto pool = valueOf(ResourcePool::open(std::move(options)));
    (void)valueOf(pool->capabilities());
    const double empty = settled(*pool);
    ModelOptions wanted;
    wanted.backend = Backend::Wasm;
    wanted.dtype = subject.dtype;
    const auto model = valueOf(pool->load(subject.model, wanted));
    growth.push_back(settled(*pool) - empty);
  }
  const std::vector<double> estimates(growth.size(), estimate(subject));
  report.add({.figure = "Memory, estimate ÷ growth: " + subject.name,
              .numerator = {"estimated from the file", estimates, "MiB"},
              .denominator = {"growth of Chromium's PSS", growth, "MiB"},
              .ratio = ratioOf(estimates, growth),
              .aim = std::nullopt},
             *settings.progress);
}

}  // namespace

void measureMemory(const Settings& settings, Report& report) {
  const std::array subjects{Subject{"MiniLM fp32", "all-minilm-l6-v2", "fp32"},
                            Subject{"MiniLM q4", "all-minilm-l6-v2", "q4"},
                            Subject{"Silero VAD", "silero-vad-v5", "fp32"},
                            written(settings, 2048, 4096),
                            written(settings, 4096, 8192),
                            written(settings, 8192, 8192)};
  for (const auto& subject : subjects) measure(settings, subject, report);
}

}  // namespace webpool::bench

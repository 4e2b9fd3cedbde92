#include "simulated_load.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

namespace webpool::bench {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TimePoint atSecond(double seconds) {
  return TimePoint(Duration(static_cast<std::int64_t>(seconds * 1e9)));
}

}  // namespace

std::vector<SimulatedModel> drawModels(const SimulatedModels& what) {
  static constexpr std::array<const char*, 3> kTypes{"text", "vision", "audio"};
  std::mt19937_64 random(what.seed);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<SimulatedModel> models;
  for (std::size_t i = 0; i < what.count; ++i) {
    SimulatedModel model{.name = "model-" + std::to_string(i), .type = kTypes[i % kTypes.size()]};
    model.truth = {what.scale * (2 + 8 * unit(random)), what.scale * (2 + 28 * unit(random)),
                   what.scale * (2 + 18 * unit(random))};
    for (std::size_t engine = 0; engine < what.engines; ++engine)
      model.engineFactors.push_back(what.differ ? std::exp(unit(random) - 0.5) : 1);
    model.load = std::chrono::milliseconds(400 + static_cast<int>(2000 * unit(random)));
    model.bytes = (50 + static_cast<std::uint64_t>(250 * unit(random))) * kMiB;
    models.push_back(std::move(model));
  }
  return models;
}

std::vector<SimulatedCall> drawCalls(const SimulatedCalls& what, std::size_t models,
                                     const Rate& rate) {
  std::mt19937_64 random(what.seed);
  std::vector<double> shares;
  for (std::size_t i = 0; i < models; ++i) shares.push_back(std::pow(double(i + 1), -what.skew));
  std::discrete_distribution<std::uint32_t> model(shares.begin(), shares.end());
  std::exponential_distribution<double> gap(1);
  std::lognormal_distribution<double> length(std::log(60), 0.9);
  std::lognormal_distribution<double> noise(0, what.noise);
  std::vector<SimulatedCall> calls;
  double at = 0;
  while (calls.size() < what.count) {
    at += gap(random) / std::max(1e-6, rate(at));
    if (what.seconds > 0 && at > what.seconds) break;
    calls.push_back({atSecond(at), model(random),
                     std::clamp(std::round(length(random)), 4.0, 512.0), noise(random)});
  }
  return calls;
}

double burst(double seconds) {
  return std::fmod(seconds, 10) < 2 ? 1.6 : 0.85;
}

double meanRunMs(const std::vector<SimulatedModel>& models,
                 const std::vector<SimulatedCall>& calls) {
  double sum = 0;
  for (const auto& call : calls) {
    const auto& model = models[call.model];
    const double factor =
        std::accumulate(model.engineFactors.begin(), model.engineFactors.end(), 0.0) /
        double(model.engineFactors.size());
    sum += factor * call.noise * sched::timeOf(model.truth, {1, call.length});
  }
  return sum / double(std::max<std::size_t>(1, calls.size()));
}

}  // namespace webpool::bench

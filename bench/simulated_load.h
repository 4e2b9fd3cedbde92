// The calls and the models of a simulation, drawn at random from a seed: the same for every policy.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "simulated_pool.h"

namespace webpool::bench {

struct SimulatedModels {
  std::size_t count = 50;
  std::size_t engines = 3;
  /// The best engine differs by model, by up to 2.7 times; otherwise all are alike.
  bool differ = false;
  double scale = 1;  ///< of all run times; 1: some 40 ms for a call
  std::uint64_t seed = 1;
};
std::vector<SimulatedModel> drawModels(const SimulatedModels& what);

/// Calls a second at a time since the start, in seconds.
using Rate = std::function<double(double)>;

struct SimulatedCalls {
  std::size_t count = 1'000'000;
  double seconds = 0;  ///< ends then where that is before; 0: never
  double skew = 0.8;   ///< Zipf's exponent: how much more the first models are asked for
  double noise = 0.15;
  std::uint64_t seed = 2;
};
std::vector<SimulatedCall> drawCalls(const SimulatedCalls& what, std::size_t models,
                                     const Rate& rate);

/// A mean of 1: bursts of 1.6 for two of ten seconds.
double burst(double seconds);

/// Mean time of a call's run by itself, in ms, over all engines.
double meanRunMs(const std::vector<SimulatedModel>& models,
                 const std::vector<SimulatedCall>& calls);

}  // namespace webpool::bench

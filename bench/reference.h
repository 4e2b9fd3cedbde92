// The answers that the comparisons are checked with: a fast wrong answer is no figure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "figures.h"

namespace webpool::bench {

/// A sentence and its vector by native ONNX Runtime on the same weights.
struct Reference {
  std::string sentence;
  std::vector<float> vector;
  double leastCosine = 0;
};

/// The `index`-th of tests/vectors/reference/minilm.json.
Reference readReference(const Settings& settings, const std::string& dtype, std::size_t index);

}  // namespace webpool::bench

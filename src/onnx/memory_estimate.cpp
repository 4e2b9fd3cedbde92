#include "onnx/memory_estimate.h"

#include <algorithm>
#include <limits>

namespace webpool::onnx {
namespace {

std::uint64_t toBytes(double bytes) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  if (!(bytes > 0)) return 0;
  return bytes >= static_cast<double>(kMost) ? kMost : static_cast<std::uint64_t>(bytes);
}

}  // namespace

MemoryCoefficients structuralCoefficients(Backend backend) noexcept {
  MemoryCoefficients coefficients;
  if (backend == Backend::WebGpu || backend == Backend::WebNn) {
    coefficients.stagingCopies = 1;
    coefficients.deviceCopies = 1;
  } else {
    coefficients.packedCopies = 1;
  }
  return coefficients;
}

MemoryCoefficients measuredCoefficients(Backend backend) noexcept {
  auto coefficients = structuralCoefficients(backend);
  coefficients.fixedBytes = std::uint64_t{17} << 20;
  return coefficients;
}

MemoryEstimate estimateMemory(const ModelInfo& model, std::uint64_t graphBytes,
                              const MemoryCoefficients& coefficients,
                              std::uint64_t activationBytes) {
  const auto& times = coefficients;
  const double graph = double(graphBytes);
  const double weights = double(model.weightBytes);
  const double embedded =
      double(model.weightBytes - std::min(model.weightBytes, model.externalWeightBytes));
  double files = graph;
  for (const auto& file : model.externalFiles) files += double(file.minimumSize);

  const bool onDevice = times.deviceCopies > 0;
  const double activations = times.activationCopies * double(activationBytes);
  const double device = onDevice ? times.deviceCopies * weights + activations : 0;
  // The heap: while the session is made, and while it runs.
  const double making = times.graphCopies * graph + times.parsedCopies * embedded +
                        (times.tensorCopies + times.packedCopies) * weights;
  const double running =
      onDevice ? 0 : std::max(times.tensorCopies, times.packedCopies) * weights + activations;
  const double heap = times.heapKeepsPeak ? std::max(making, running) : running;

  const double fixed = double(times.fixedBytes);
  const double resident = heap + device + fixed;
  const double loading = times.fileCopies * files + making +
                         (times.deviceCopies + times.stagingCopies) * weights + fixed;
  return {toBytes(std::max(loading, resident)), toBytes(resident)};
}

}  // namespace webpool::onnx

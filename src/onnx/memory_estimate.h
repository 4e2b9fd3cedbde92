// What a model will take of a browser's memory, estimated from its file before it is placed, so
// that the pool makes room first instead of learning it from a browser that is gone.
#pragma once

#include <cstdint>

#include "onnx/model.h"
#include "webpool/options.h"

namespace webpool::onnx {

/// How many times a byte of each kind is held. The defaults follow from the way a model is loaded
/// (docs/lifecycle.md, "Memory"), not from measurements; compare estimates with measured growth and
/// change them here.
struct MemoryCoefficients {
  // While loading.

  /// Of all files: the buffers in which the run Worker gets them; let go once the session is made.
  double fileCopies = 1;
  /// Of the graph's file: the copy in the WASM heap from which the session is made.
  double graphCopies = 1;
  /// Of the weights inside the graph's file: in the parsed message, until tensors are made of them.
  double parsedCopies = 1;
  /// Of all weights: tensors in the WASM heap.
  double tensorCopies = 1;
  /// Of the weights that go to a device: buffers from which they are uploaded.
  double stagingCopies = 0;

  // For as long as the model is there.

  /// Of all weights: packed anew for the CPU's kernels, in the WASM heap.
  double packedCopies = 0;
  /// Of all weights: on the device. A software adapter's are the browser's own memory.
  double deviceCopies = 0;
  /// Of what runs hold between their nodes (activationSize()).
  double activationCopies = 1;
  /// A WASM heap grows and never shrinks: what loading needed there stays with the Worker.
  bool heapKeepsPeak = true;
  /// A Worker with the runtime in it, bytes. No file tells it.
  std::uint64_t fixedBytes = 0;
};

/// From how a backend loads a model. Auto counts as Wasm.
MemoryCoefficients structuralCoefficients(Backend backend) noexcept;

/// The same with what only measuring tells (`bench/run memory`; docs/benchmarks.md): estimates that
/// were within a quarter of what Chromium grew by, for six models from 2 to 256 MB.
MemoryCoefficients measuredCoefficients(Backend backend) noexcept;

struct MemoryEstimate {
  std::uint64_t peakBytes = 0;      ///< the most, while it is loaded or runs
  std::uint64_t residentBytes = 0;  ///< once it is loaded and has run; at most peakBytes
};

/// `graphBytes`: size of the .onnx file. `activationBytes`: 0 where no shape is known. Sums that
/// pass 2^64 − 1 stay there.
MemoryEstimate estimateMemory(const ModelInfo& model, std::uint64_t graphBytes,
                              const MemoryCoefficients& coefficients,
                              std::uint64_t activationBytes = 0);

}  // namespace webpool::onnx

// Tensors as NumPy's .npz: a ZIP archive with one .npy file per array, so that numpy.savez and
// numpy.load are the other side.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

struct NpzLimits {
  std::uint64_t maxBytes = 1ull << 30;  ///< of all arrays together, unpacked; as a frame
  std::size_t maxArrays = 1024;
};

/// Reads every array: stored or deflated members, .npy versions 1 to 3, little-endian bool, int,
/// uint and float 16/32/64; Fortran order is transposed. Arrays that are stored and happen to
/// be aligned share the archive's memory. InvalidInput for a damaged archive (each CRC is checked)
/// and for what tensors cannot hold (object, string, complex, big-endian); Unsupported for ZIP64
/// and encryption.
Result<std::vector<Tensor>> readNpz(const Bytes& archive, const NpzLimits& limits = {});

struct NpzOptions {
  bool compress = false;  ///< deflate, as numpy.savez_compressed
};

/// The same tensors always give the same bytes. InvalidArgument for a name that is empty, doubled
/// or no UTF-8; Unsupported for BYTES and BF16, which NumPy lacks, and for 4 GiB or more.
Result<std::string> writeNpz(std::span<const Tensor> tensors, const NpzOptions& options = {});

}  // namespace webpool::onnx

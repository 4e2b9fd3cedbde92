// One NumPy array file (.npy): a Python dictionary as text, then the elements.
#pragma once

#include <string>
#include <string_view>

#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

/// The tensor shares the file's memory where the elements are in C order and aligned. InvalidInput
/// for damage and for element types that no tensor holds.
Result<Tensor> readNpy(std::string name, const Bytes& file);

/// What stands in front of the tensor's data in a .npy file (version 1, a multiple of 64 bytes).
/// Unsupported for BYTES and BF16.
Result<std::string> npyHeader(const Tensor& tensor);

}  // namespace webpool::onnx

// Single JSON values to and from a tensor's elements.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/json_nodes.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

/// Appends the node's value as one element. On failure says why, e.g. "300 does not fit UINT8";
/// empty on success.
std::string appendElement(const JsonNodes& nodes, std::uint32_t node, DataType type,
                          std::vector<std::byte>& out);

/// Appends the text with its quotes, escaped where JSON wants that.
void appendJsonString(std::string_view text, std::string& out);

/// Appends the tensor's elements as JSON values with commas between. Unsupported for BYTES that are
/// no UTF-8. The tensor must be valid.
Result<void> appendValues(const Tensor& tensor, std::string& out);

}  // namespace webpool::onnx

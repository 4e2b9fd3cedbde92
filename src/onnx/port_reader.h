// Reads a ValueInfoProto: the name, type and shape of a graph's input or output.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "onnx/model.h"
#include "webpool/error.h"

namespace webpool::onnx {

/// InvalidModel when damaged; Unsupported for sequences, maps, optionals, sparse tensors and
/// element types that no tensor of webpool holds. May throw protozero::exception.
Result<Port> readPort(std::string_view valueInfoProto);

/// The name alone, a view into the bytes.
std::string_view portName(std::string_view valueInfoProto);

/// ONNX's element type id if the value is a plain tensor.
std::optional<std::int64_t> portElementType(std::string_view valueInfoProto);

}  // namespace webpool::onnx

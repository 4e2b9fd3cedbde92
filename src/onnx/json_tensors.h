// Tensors as JSON, in the forms of the Open Inference Protocol v2. Integers are exact to the last
// bit; floats are written with the fewest digits that read back as the same value.
//
// Beyond the protocol, which has no JSON for them: FP16 and BF16 are written and read as numbers,
// and the floats that JSON lacks as the strings "NaN", "Infinity" and "-Infinity".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/json_nodes.h"
#include "onnx/model.h"
#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

/// Reads either
///   {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1, 2]]}]}
/// with flat or nested data, or the short form
///   {"x": [[1, 2]]}
/// whose shape is that of the nesting and whose type is that of the model's input of that name
/// (`model` may be null: then the short form is refused). InvalidInput names the tensor and what is
/// wrong: broken JSON, ragged nesting, a count that does not fill the shape, a value that does not
/// fit the type. At most 256 MiB of text and 36 levels.
Result<std::vector<Tensor>> readJsonTensors(std::string_view text, const ModelInfo* model);

/// One entry of the list "inputs" of a text that was read already.
Result<Tensor> readJsonTensor(const JsonNodes& nodes, std::uint32_t entry);

/// Its name, type and shape, where the data are elsewhere.
Result<Tensor> readJsonTensorHead(const JsonNodes& nodes, std::uint32_t entry);

/// The name of the first that has the name of one before it.
std::optional<std::string_view> nameGivenTwice(std::span<const Tensor> tensors);

/// {"model_name": …, "outputs": [{"name", "shape", "datatype", "data": [flat]}]}
/// Unsupported for BYTES elements that are no UTF-8.
Result<std::string> writeJsonTensors(std::string_view modelName, std::span<const Tensor> outputs);

/// Appends {"name", "shape", "datatype", "data": [flat]}. As writeJsonTensors().
Result<void> appendJsonTensor(const Tensor& tensor, std::string& out);

/// The same up to the datatype, without the closing brace: the caller goes on.
Result<void> appendJsonTensorHead(const Tensor& tensor, std::string& out);

/// A file of tensors, by what it begins with: ZIP is NPZ, anything else JSON.
Result<std::vector<Tensor>> readTensors(const Bytes& file, const ModelInfo* model);

}  // namespace webpool::onnx

// A model's signature between the public header's form and the ONNX reader's.
#pragma once

#include <span>

#include "onnx/model.h"
#include "webpool/model.h"

namespace webpool::pool {

onnx::Port toPort(const TensorSpec& spec);
TensorSpec toSpec(const onnx::Port& port);

/// Inputs, outputs and name only: enough for onnx::checkInputs and onnx::readTensors.
onnx::ModelInfo toOnnx(const ModelDescription& description);

/// An answer has the outputs that the model states, by name and type, each once. Shapes are not
/// compared: ONNX Runtime itself takes what a model states of them for a hint. WrongResult.
Result<void> checkOutputs(const ModelDescription& description, std::span<const Tensor> outputs);

}  // namespace webpool::pool

// A model's signature between the public header's form and the ONNX reader's.
#pragma once

#include "onnx/model.h"
#include "webpool/model.h"

namespace webpool::pool {

onnx::Port toPort(const TensorSpec& spec);
TensorSpec toSpec(const onnx::Port& port);

/// Inputs, outputs and name only: enough for onnx::checkInputs and onnx::readTensors.
onnx::ModelInfo toOnnx(const ModelDescription& description);

}  // namespace webpool::pool

// Checks a caller's tensors against a model's signature, so that a wrong name, type or shape is
// answered at once and in the caller's words, not by a browser's exception.
#pragma once

#include <span>

#include "onnx/model.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

/// InvalidInput with what was expected and what came: a missing, unknown or doubled name, a wrong
/// type, rank or dimension, a symbolic dimension that differs between two inputs, or data that does
/// not fill the shape. The order of the tensors does not matter. A symbol that the model names
/// twice in one input ([batch, batch], as careless exporters do) is only compared along the same
/// axis.
Result<void> checkInputs(const ModelInfo& model, std::span<const Tensor> inputs);

/// The InvalidInput error for a name that is no input of the model: lists the names that are, and
/// suggests the nearest.
Error unknownInput(const ModelInfo& model, std::string_view name);

}  // namespace webpool::onnx

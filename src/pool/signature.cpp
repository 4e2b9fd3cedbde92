#include "pool/signature.h"

#include <fmt/format.h>

#include <algorithm>

namespace webpool::pool {

onnx::Port toPort(const TensorSpec& spec) {
  return {spec.name, spec.type, spec.shape, spec.symbols, spec.rankKnown};
}

TensorSpec toSpec(const onnx::Port& port) {
  return {port.name, port.type, port.shape, port.symbols, port.rankKnown};
}

onnx::ModelInfo toOnnx(const ModelDescription& description) {
  onnx::ModelInfo info;
  info.graphName = description.name;
  info.usesFp16 = description.usesFp16;
  for (const auto& spec : description.inputs) info.inputs.push_back(toPort(spec));
  for (const auto& spec : description.outputs) info.outputs.push_back(toPort(spec));
  return info;
}

Result<void> checkOutputs(const ModelDescription& description, std::span<const Tensor> outputs) {
  const auto wrong = [&](const std::string& what) {
    return fail(ErrorCategory::WrongResult,
                fmt::format("the answer of {} {}", description.name, what),
                "the worker does not compute this model");
  };
  if (outputs.size() != description.outputs.size()) {
    return wrong(fmt::format("has {} outputs, and the model states {}", outputs.size(),
                             description.outputs.size()));
  }
  for (const auto& stated : description.outputs) {
    const auto found = std::ranges::find(outputs, stated.name, &Tensor::name);
    if (found == outputs.end()) return wrong(fmt::format("lacks the output '{}'", stated.name));
    if (found->type != stated.type) {
      return wrong(fmt::format("has '{}' as {}, and the model states {}", stated.name,
                               dataTypeName(found->type), dataTypeName(stated.type)));
    }
  }
  return {};
}

}  // namespace webpool::pool

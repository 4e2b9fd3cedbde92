#include "pool/signature.h"

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

}  // namespace webpool::pool

// What webpool must know of an ONNX model before a browser is asked to load it: its signature, the
// files it needs, and the types that decide where it can run. Reads the protobuf bytes without
// copying the weights; trusts no length, count or depth in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

/// One input or output of the graph.
struct Port {
  std::string name;
  DataType type = DataType::Fp32;
  Shape shape;                       ///< −1 where the dimension is free
  std::vector<std::string> symbols;  ///< as long as shape; the name of a free dimension, or ""
  bool rankKnown = true;             ///< false: the model states no shape, and `shape` is empty
};

/// "FP32 [batch, 384]", "INT64 of any shape"
std::string portText(const Port& port);

/// A file beside the model that holds weights.
struct ExternalFile {
  std::string path;               ///< relative to the model's folder, with '/', never leaving it
  std::uint64_t minimumSize = 0;  ///< bytes that the model's tensors reach into it
};

struct ModelInfo {
  std::int64_t irVersion = 0;
  std::map<std::string, std::int64_t>
      opsets;            ///< domain -> version; the default domain is "ai.onnx"
  std::string producer;  ///< "pytorch 2.1", may be empty
  std::string graphName;
  std::map<std::string, std::string> metadata;  ///< what its maker put in, by key
  std::vector<Port> inputs;   ///< those a caller must give: initializers are left out
  std::vector<Port> outputs;  ///< in the graph's order

  std::vector<ExternalFile> externalFiles;  ///< external data, by path, once each

  /// Element type by ONNX's name ("FLOAT", "FLOAT16", "UINT4", …) -> bytes of weights of that type,
  /// in all graphs, Constant nodes included.
  std::map<std::string, std::uint64_t> weightTypes;
  std::uint64_t weightBytes = 0;          ///< all weights, external ones included
  std::uint64_t externalWeightBytes = 0;  ///< those that lie in externalFiles

  /// Operator -> how many nodes, in all graphs and local functions; outside the default domain
  /// with the domain in front ("com.microsoft.MatMulNBits").
  std::map<std::string, std::uint64_t> opCounts;
  std::uint64_t nodeCount = 0;

  /// True when weights, inputs, outputs or declared values are FLOAT16: WebGPU then needs the
  /// adapter's shader-f16 feature.
  bool usesFp16 = false;

  const Port* findInput(std::string_view name) const noexcept;
  const Port* findOutput(std::string_view name) const noexcept;
};

/// Reads an ONNX ModelProto. InvalidModel for bytes that are corrupt, cut off or something else
/// (the message says what they look like); Unsupported for inputs or outputs that are no plain
/// tensors. Nothing in the result refers to `bytes`. Takes time in proportion to the graph, not the
/// weights.
Result<ModelInfo> readModel(std::span<const std::byte> bytes);
inline Result<ModelInfo> readModel(const Bytes& bytes) {
  return readModel(bytes.view());
}

}  // namespace webpool::onnx

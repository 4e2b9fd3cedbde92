// Walks the graphs of a model (subgraphs and local functions included) and fills a ModelInfo.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "onnx/model.h"
#include "webpool/error.h"

namespace webpool::onnx {

/// Reads into a ModelInfo that outlives it. After an error the ModelInfo is half filled. Calls may
/// throw protozero::exception for bytes that are no protobuf.
class GraphReader {
 public:
  explicit GraphReader(ModelInfo& info) : info_(info) {}

  /// The model's main graph: fills inputs and outputs too.
  Result<void> readMainGraph(std::string_view graphProto);
  /// A local function: only its nodes count.
  Result<void> readFunction(std::string_view functionProto);
  /// Call once at the end: moves what was collected into the ModelInfo.
  void finish();

 private:
  Result<void> readGraph(std::string_view graphProto, int depth);
  Result<void> readNode(std::string_view nodeProto, int depth);
  Result<void> readAttribute(std::string_view attributeProto, int depth);
  Result<void> addWeight(std::string_view tensorProto);
  Result<void> addSparseWeight(std::string_view sparseTensorProto);
  void noteValueType(std::string_view valueInfoProto);

  ModelInfo& info_;
  std::map<std::string, std::uint64_t, std::less<>> externalEnds_;
};

}  // namespace webpool::onnx

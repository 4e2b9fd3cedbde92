// Golden answers: inputs of a model with what a runtime that is trusted answers to them. The
// catalogue has some, and a person can give their own in a file beside the model. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/model.h"
#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::pool {

struct Golden {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;       ///< perhaps not all that the model gives
  boost::json::object parameters{};  ///< beside those of the model's runs, and before them
  /// Of an output only each so-many-th value is given, from the first on: as one dimension.
  std::map<std::string, std::size_t> every{};
};

/// The answers in `text` that hold for the dtype and the task, in their order; none is no error:
///   {"inputs": [tensor], "outputs": [tensor]}      one answer, tensors as the Open Inference
///                                                  Protocol's JSON has them
///   {"task": name, "inputs": "sample", …}          the task's own sample
///   {"component": name, …}                         for one graph of several
/// An input may have "sine": s for its data, sin(s · i) for its i-th value; an output "every": n.
///   {…, "parameters": {…}}                         of the run
///   [answer, answer]                               several, the quickest first
///   {"fp32": answer or list, "q4": …}              others for each dtype
/// Which task an answer is for, its inputs tell (taskTaking()).
/// InvalidModel names what is wrong: the JSON, or an answer that doesn't fit the signature.
Result<std::vector<Golden>> readGolden(std::string_view text, std::string_view dtype,
                                       std::string_view task, const onnx::ModelInfo& graph,
                                       std::string_view component = {});

/// What of the answer a golden answer speaks of, as it gives it.
std::vector<Tensor> comparable(std::vector<Tensor> answer, const Golden& golden);

/// Where a golden file for that graph file may lie, paths below the model's root, best first:
/// "onnx/model.golden.json", "onnx/golden.json", "golden.json".
std::vector<std::string> goldenPaths(const std::string& graphPath);

}  // namespace webpool::pool

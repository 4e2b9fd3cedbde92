// What the pool knows of each task: what a run takes and gives where that is not the graph's own
// inputs and outputs. The page's side is web/worker/run/engines.ts.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/model.h"

namespace webpool::pool {

struct Task {
  std::string_view name;
  std::vector<TensorSpec> inputs;   ///< none: the graph's
  std::vector<TensorSpec> outputs;  ///< none: the graph's
  std::string_view needsFile;       ///< which the model's folder must hold; empty: none
  boost::json::object parameters;   ///< of each run
  std::vector<Tensor> sample;  ///< tried where no golden answer is known; none: made from the graph

  bool isRaw() const { return inputs.empty(); }
};

/// nullptr for a name that is no task.
const Task* findTask(std::string_view name);

/// Of a name that was checked before.
const Task& taskOf(std::string_view name);

/// Those that the caller gave, else the task's own; with the conversation where there is one.
/// InvalidArgument for what is no JSON object.
Result<boost::json::object> runParameters(std::string_view task, const RunOptions& options);

/// "tensors, text-embedding, …"
std::string taskNames();

/// The task whose runs take inputs of just these names and types; "tensors" where none does.
const Task& taskTaking(std::span<const Tensor> inputs);

}  // namespace webpool::pool

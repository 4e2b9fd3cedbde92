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
  std::string_view engine;               ///< the page's task that runs it; empty: of the same name
  std::string_view component;            ///< that is meant where none is chosen; empty: "model"
  std::vector<TensorSpec> inputs;        ///< none: the graph's
  std::vector<TensorSpec> outputs;       ///< none: the graph's
  std::vector<std::string_view> graphs;  ///< loaded together; none: one, whatever its name
  std::string_view needsFile;            ///< which the model's folder must hold; empty: none
  boost::json::object parameters;        ///< of each run
  /// Of each run instead, read from the text of needsFile; may be null.
  Result<boost::json::object> (*parametersFrom)(std::string_view text) = nullptr;
  std::vector<Tensor> sample;  ///< tried where no golden answer is known; none: made from the graph

  /// It takes several graphs of a model at once, so none is chosen.
  bool isWhole() const { return !graphs.empty(); }
  std::string_view pageTask() const { return engine.empty() ? name : engine; }
  bool isRaw() const { return inputs.empty(); }
};

/// All there are, in the order in which a person is told of them.
std::span<const Task> knownTasks();

/// nullptr for a name that is no task.
const Task* findTask(std::string_view name);

/// Of a name that was checked before.
const Task& taskOf(std::string_view name);

/// Those that the caller gave, else `own`; with the conversation where there is one.
/// InvalidArgument for what is no JSON object.
Result<boost::json::object> runParameters(const RunOptions& options,
                                          const boost::json::object& own);

/// "tensors, text-embedding, …"
std::string taskNames();

/// The task whose runs take inputs of just these names and types; "tensors" where none does.
const Task& taskTaking(std::span<const Tensor> inputs);

}  // namespace webpool::pool

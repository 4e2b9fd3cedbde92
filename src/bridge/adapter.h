// From content of a caller to a model's task and back: one adapter a task.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "webpool/resource_pool_bridge.h"

namespace webpool::bridge {

struct Answer {
  std::string output;  ///< JSON
  std::vector<Tensor> tensors{};
  RunTimings timings;
  RanOn ranOn;  ///< empty where nothing had to run: for silence, or an empty file
  std::optional<OwnBackend> ownBackend{};
  std::vector<bool> truncated{};  ///< by text: longer than the model reads; empty: none was
  /// The caller gave up while it came: the output is what there was.
  bool isBrokenOff = false;
};

/// {"outputs": [{"name", "datatype", "shape"}]}
std::string outputsJson(const std::vector<Tensor>& tensors);

/// Thread-safe.
class Adapter {
 public:
  virtual ~Adapter() = default;

  /// InvalidInput for content that the task does not take; Storage or NotFound for a path.
  virtual Result<Answer> run(const Content& content, const RunOptions& options) const = 0;

  /// Several texts can go in one run.
  virtual bool takesTogether() const { return false; }
};

/// For a model that a backend outside the browsers runs.
std::unique_ptr<Adapter> makeOwnAdapter(OwnBackend backend, BackendRun run);

/// For the task that the model was loaded for.
Result<std::unique_ptr<Adapter>> makeAdapter(Model model);

}  // namespace webpool::bridge

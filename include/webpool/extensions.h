// What a program can add to an integration: platforms that are no browser's, a say in how models
// are placed, a say in which are loaded. docs/bridge.md has an example of each.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "webpool/content.h"
#include "webpool/memory_policy.h"
#include "webpool/model.h"

namespace webpool {

/// Says in a result which backend of a program ran it.
struct OwnBackend {
  std::string name;
  bool isRealHardware = false;
};

/// A model that a backend is to run.
struct BackendSource {
  std::string modelType;
  ModelDescription description;
  std::map<std::string, Bytes> files;  ///< by path in its folder: "onnx/model.onnx", "config.json"
};

struct BackendAnswer {
  std::string output{};  ///< JSON; empty: the names, types and shapes of the tensors
  std::vector<Tensor> tensors{};
};

/// One model of a backend. Called from any thread, several at once.
using BackendRun = std::function<Result<BackendAnswer>(const Content&, const std::stop_token&)>;

/// A platform of a program's own, beside "webgpu", "webnn" and "cpu" of the browsers. The answers
/// are its own word: no golden gate is before it.
struct HardwareBackend {
  /// Asked for each model that may be placed there. An error is told like that of a platform that
  /// can't run the model.
  std::function<Result<bool>()> detect;
  std::function<Result<BackendRun>(const BackendSource&)> initialize;
  /// Where a caller has no priority list: below 0 it comes before the browsers, else after them,
  /// where none of them runs the model; the lowest first.
  int priority = 100;
  bool isRealHardware = false;  ///< it computes on an accelerator
};

/// Has a say in how models are placed. Called from any thread, one call at a time.
class BrowserIntegration {
 public:
  virtual ~BrowserIntegration() = default;

  /// A model of the type is about to be placed in the browser ("chromium"). What it returns fills
  /// in what the caller left open: priority list, precision, context length, browser. An error is
  /// the load's.
  virtual Result<HardwarePreferences> optimizeForBrowser(const std::string& browserName,
                                                         const std::string& modelType) = 0;
};

}  // namespace webpool

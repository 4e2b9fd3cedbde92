// One call from a model's name and some content to its answer.
//
//   auto result = webpool::accelerate("all-minilm-l6-v2", std::string("a sentence"));
#pragma once

#include <string>

#include "webpool/resource_pool_bridge.h"

namespace webpool {

struct AccelerateConfig {
  std::string platform{};  ///< "webgpu", "webnn", "cpu"; empty or "auto": free choice
  std::string browser{};   ///< as HardwarePreferences::browser
  unsigned precision = 0;  ///< as HardwarePreferences::precision
  bool mixedPrecision = false;
  unsigned contextLength = 0;             ///< as HardwarePreferences::contextLength
  std::optional<bool> p2pOptimization{};  ///< as HardwarePreferences::p2pOptimization
  std::string modelType{};                ///< empty: what the model's own task is
  /// The pool to use; null: one is opened for this call, with these options, and closed after it.
  ResourcePoolBridgeIntegration* pool = nullptr;
  BridgeOptions options{};
  std::stop_token stop{};
};

struct AccelerateResult {
  WebModelResult result;
  double loadMs = 0;              ///< until the model could be called; about 0 where it was loaded
  double totalMs = 0;             ///< of the whole call
  bool resourcePoolUsed = false;  ///< a pool was given
  bool resultsStored = false;     ///< as keepsRecord() of the pool says
  std::optional<Error> storingFailed{};  ///< why it is not, where a database was given

  /// With the keys of ipfs_accelerate_py.accelerate().
  std::string toJson() const;
};

/// Blocks. A failure is a result whose `error` is set.
AccelerateResult accelerate(const std::string& modelName, const Content& content,
                            const AccelerateConfig& config = {});

}  // namespace webpool

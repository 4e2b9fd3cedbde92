// What stands behind the public handles: a pool of this process's browsers (src/pool), or a
// `webpool serve` (src/remote). Everything above the handles is the same for both.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/model.h"
#include "webpool/pool.h"

namespace webpool {

/// Thread-safe; the calls mean what those of Model do.
class Model::Runner {
 public:
  Runner() = default;
  virtual ~Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Does not change.
  virtual const ModelInfo& info() const = 0;
  virtual void runAsync(std::vector<Tensor> inputs, const RunOptions& options,
                        std::function<void(Result<Inference>)> done) = 0;
  /// A call ended before it became a run: for who keeps a record.
  virtual void refused(const Error& error) = 0;
  /// It was answered without one.
  virtual void answeredWithoutRun(std::uint64_t items,
                                  std::chrono::steady_clock::time_point began) = 0;
  virtual LoadTimings loadTimings() const = 0;
  /// Of the files that it needs, by path; empty where only their sum is known.
  virtual std::map<std::string, std::uint64_t> fileSizes() const = 0;
  virtual Result<Bytes> file(std::string_view path) = 0;
  virtual Result<Model> component(std::string_view name, std::string_view task) = 0;
};

/// Thread-safe; the calls mean what those of ResourcePool do.
class ResourcePool::Provider {
 public:
  Provider() = default;
  virtual ~Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  virtual void start() = 0;
  virtual Result<BrowserCapabilities> capabilities(std::string_view browser) = 0;
  virtual Result<Model> load(std::string_view model, const ModelOptions& options) = 0;
  virtual Result<ModelDescription> describe(std::string_view model,
                                            const ModelOptions& options) = 0;
  virtual Result<std::map<std::string, Bytes>> files(std::string_view model,
                                                     const ModelOptions& options) = 0;
  virtual std::string origin() const = 0;
  virtual std::optional<Invitation> invitation() const = 0;
  virtual std::vector<ConnectionStats> connections() const = 0;
  virtual std::vector<ScalingEvent> scalingEvents() const = 0;
  virtual std::vector<ModelCalls> calls() const = 0;
  virtual void close() = 0;
};

}  // namespace webpool

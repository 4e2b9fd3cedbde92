// What an integration and its models share: the pool, the models that are loaded, and the record of
// what was done.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bridge/connection_time.h"
#include "bridge/execution_record.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool::bridge {

/// Thread-safe.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  explicit Pool(BridgeOptions options) : options_(std::move(options)) {}

  Result<void> initialize();
  Result<std::shared_ptr<EnhancedWebModel>> getModel(const std::string& type,
                                                     const std::string& name,
                                                     const HardwarePreferences& preferences,
                                                     std::stop_token stop);
  /// One that was given before, by its id; null where there is none.
  std::shared_ptr<EnhancedWebModel> modelById(const std::string& id) const;
  ExecutionStats stats() const;
  std::vector<ConnectionStats> connections() const;
  void close();

  unsigned maxConnections() const { return options_.maxConnections; }
  ExecutionRecord& record() { return record_; }

 private:
  struct Known {
    std::string key;  ///< type, name and preferences
    std::shared_ptr<EnhancedWebModel> model;
  };

  Result<ResourcePool*> opened();
  Result<Model> load(ResourcePool& pool, const std::string& type, const std::string& name,
                     const HardwarePreferences& preferences, const std::stop_token& stop);
  /// The browser that the model is to be in; "" leaves it to the pool.
  Result<std::string> browserFor(const std::string& type,
                                 const HardwarePreferences& preferences) const;
  /// The order of the list, without what the integration has switched off.
  Result<std::vector<Backend>> allowedBackends(const std::vector<std::string>& priorityList) const;
  /// The first of the dtypes with so many bits that the model has.
  Result<ModelDescription> describe(ResourcePool& pool, const std::string& name,
                                    const HardwarePreferences& preferences, std::string task) const;

  BridgeOptions options_;
  std::vector<std::string> installed_;
  ExecutionRecord record_;
  /// The pool's threads tell it of changes until the pool is closed.
  ConnectionTime connectionTime_;
  std::mutex loading_;  ///< one model is loaded at a time
  mutable std::mutex mutex_;
  std::unique_ptr<ResourcePool> pool_;
  std::vector<Known> models_;
};

/// Of the browser that ran it, its processes together; nullopt: not sampled yet.
std::optional<double> memoryMb(const std::vector<ConnectionStats>& connections,
                               const std::string& connection);

}  // namespace webpool::bridge

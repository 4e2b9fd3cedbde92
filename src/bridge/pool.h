// What an integration and its models share: the pool, the models that are loaded, and the record of
// what was done.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bridge/adapter.h"
#include "bridge/connection_time.h"
#include "bridge/execution_record.h"
#include "webpool/record.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool::bridge {

/// A model with what runs it.
struct Placed {
  ModelInfo info;
  std::unique_ptr<Adapter> adapter;
  std::optional<OwnBackend> ownBackend{};
  std::string preferredBrowser{};  ///< what BridgeOptions::browserPreferences say of its type
  std::string fallback{};          ///< why it is not there, or not so, as was asked for; or empty
};

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
  /// Of the types, the first that the model is of.
  Result<std::string> typeOf(const std::string& name, const HardwarePreferences& preferences,
                             std::span<const std::string> types);
  std::shared_ptr<EnhancedWebModel> modelById(const std::string& id) const;
  ExecutionStats stats() const;
  std::vector<ConnectionStats> connections() const;
  Result<void> registerBackend(const std::string& name, HardwareBackend backend);
  void setBrowserIntegration(std::shared_ptr<BrowserIntegration> integration);
  void setMemoryPolicy(std::shared_ptr<MemoryPolicy> policy);
  void close();
  /// The first call waits until the file was tried.
  std::optional<RecordStats> recordStats() const;
  /// For a call of a model whose pool is no more; nothing where the model is there.
  std::optional<std::string> nextStepAfterEnd(const EnhancedWebModel& model) const;

  unsigned maxConnections() const { return options_.maxConnections; }
  ExecutionRecord& record() { return record_; }

 private:
  struct Known {
    std::string key;  ///< type, name and preferences
    std::shared_ptr<EnhancedWebModel> model;
    /// Those that were there to be asked when it was placed: another one may say something else.
    std::shared_ptr<BrowserIntegration> integration;
    std::shared_ptr<MemoryPolicy> policy;
  };

  Result<ResourcePool*> opened();
  std::shared_ptr<MemoryPolicy> policy() const {
    const std::lock_guard lock(policyMutex_);
    return policy_;
  }
  using Platform = std::variant<Backend, std::string>;  ///< a browser's, or a program's own by name

  /// The browser that a model is to be in.
  struct Wish {
    std::string browser{};    ///< that is here; "" leaves it to the pool
    std::string preferred{};  ///< of the integration's preferences, whether it is here or not
    std::string fallback{};   ///< why it is another than asked for
    bool isBinding = false;   ///< the caller named it
  };
  /// The platforms that could not be had.
  struct Tries {
    std::size_t count = 0;
    std::string why{};
    std::optional<Error> first{};

    void failed(const Platform& platform, const std::string& browser, const Error& error);
    Error error(const std::string& name, const std::vector<std::string>& priorityList) const;
  };

  Result<Placed> load(ResourcePool& pool, const std::string& type, const std::string& name,
                      HardwarePreferences preferences, const std::stop_token& stop);
  Result<Placed> place(ResourcePool& pool, const std::string& type, const Platform& platform,
                       const ModelDescription& description, const ModelOptions& options);
  /// In the order in which they are to be tried.
  Result<std::vector<Platform>> platformsFor(const std::vector<std::string>& priorityList) const;
  /// Fills in what the caller left open with what the integration says of the browser.
  Result<void> askIntegration(const std::string& type, HardwarePreferences& preferences);
  Result<Wish> browserFor(const std::string& type, const HardwarePreferences& preferences) const;
  /// In their order, for a platform.
  std::vector<std::string> browsersToTry(const Wish& wish, const Platform& platform) const;
  /// The order of the list, without what the integration has switched off.
  Result<std::vector<Backend>> allowedBackends(const std::vector<std::string>& priorityList) const;
  /// The first of the dtypes with so many bits that the model has.
  /// What it is as a model of the type; nullopt where it is none.
  std::optional<ModelDescription> describeAs(ResourcePool& pool, const std::string& type,
                                             const ModelDescription& known, const std::string& name,
                                             const HardwarePreferences& preferences) const;
  Result<ModelDescription> describe(ResourcePool& pool, const std::string& name,
                                    const HardwarePreferences& preferences, std::string task) const;

  template <class T>
  T locked(const T& shared) const {
    const std::lock_guard lock(mutex_);
    return shared;
  }

  BridgeOptions options_;
  std::vector<std::string> installed_;
  ExecutionRecord record_;
  /// The pool's threads tell it of changes until the pool is closed.
  mutable ConnectionTime connectionTime_;
  std::mutex loading_;  ///< one model is loaded at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<Record> file_;  ///< null: none is kept; it ends after the pool
  std::filesystem::path filePath_;
  /// The pool's loop asks the policy: it never waits for mutex_, under which the pool is closed.
  mutable std::mutex policyMutex_;
  std::shared_ptr<MemoryPolicy> policy_;
  std::unique_ptr<ResourcePool> pool_;
  bool closed_ = false;
  std::string testBrowser_;  ///< $TEST_BROWSER: the wish for types without a preference
  bool remote_ = false;      ///< a server does the work
  std::vector<Known> models_;
  std::map<std::string, HardwareBackend> backends_;
  std::shared_ptr<BrowserIntegration> integration_;
};

/// Of the browser that ran it, its processes together; nullopt: not sampled yet.
std::optional<double> memoryMb(const std::vector<ConnectionStats>& connections,
                               const std::string& connection);

}  // namespace webpool::bridge

#include "webpool/resource_pool_bridge.h"

#include <fmt/format.h>

#include <utility>

#include "bridge/at_once.h"
#include "bridge/pool.h"

namespace webpool {
namespace {

WebModelResult unknownModel(const std::string& id) {
  WebModelResult result;
  result.modelId = id;
  result.error =
      Error{ErrorCategory::NotFound, fmt::format("no model '{}' was asked for before", id),
            "ask the integration for the model first; an id is \"type:name\""};
  return result;
}

}  // namespace

ResourcePoolBridgeIntegration::ResourcePoolBridgeIntegration(BridgeOptions options)
    : pool_(std::make_shared<bridge::Pool>(std::move(options))) {}

ResourcePoolBridgeIntegration::~ResourcePoolBridgeIntegration() {
  close();
}

Result<void> ResourcePoolBridgeIntegration::initialize() {
  return pool_->initialize();
}

Result<std::shared_ptr<EnhancedWebModel>> ResourcePoolBridgeIntegration::getModel(
    const std::string& modelType, const std::string& modelName,
    const HardwarePreferences& preferences, std::stop_token stop) {
  return pool_->getModel(modelType, modelName, preferences, std::move(stop));
}

Result<std::string> ResourcePoolBridgeIntegration::typeOf(const std::string& modelName,
                                                          const HardwarePreferences& preferences,
                                                          const std::vector<std::string>& types) {
  return pool_->typeOf(modelName, preferences, types);
}

std::future<Result<std::shared_ptr<EnhancedWebModel>>> ResourcePoolBridgeIntegration::getModelAsync(
    std::string modelType, std::string modelName, HardwarePreferences preferences) {
  return std::async(std::launch::async,
                    [pool = pool_, type = std::move(modelType), name = std::move(modelName),
                     preferences = std::move(preferences)] {
                      return pool->getModel(type, name, preferences, {});
                    });
}

std::vector<WebModelResult> ResourcePoolBridgeIntegration::executeConcurrent(
    const std::vector<Asked>& asked, std::stop_token stop) {
  return bridge::atOnce(asked.size(), pool_->maxConnections(), pool_->record(), [&](std::size_t i) {
    const auto& [which, content] = asked[i];
    const auto* id = std::get_if<std::string>(&which);
    const auto model =
        id != nullptr ? pool_->modelById(*id) : std::get<std::shared_ptr<EnhancedWebModel>>(which);
    if (!model) {
      pool_->record().began();
      auto unknown = unknownModel(id != nullptr ? *id : "");
      pool_->record().ended(unknown);
      return unknown;
    }
    return (*model)(content, stop);
  });
}

ExecutionStats ResourcePoolBridgeIntegration::getExecutionStats() const {
  return pool_->stats();
}

Result<void> ResourcePoolBridgeIntegration::registerHardwareBackend(const std::string& name,
                                                                    HardwareBackend backend) {
  return pool_->registerBackend(name, std::move(backend));
}

void ResourcePoolBridgeIntegration::setBrowserIntegration(
    std::shared_ptr<BrowserIntegration> integration) {
  pool_->setBrowserIntegration(std::move(integration));
}

void ResourcePoolBridgeIntegration::setMemoryPolicy(std::shared_ptr<MemoryPolicy> policy) {
  pool_->setMemoryPolicy(std::move(policy));
}

bool ResourcePoolBridgeIntegration::keepsRecord() const {
  const auto record = recordStats();
  return record && record->isKept();
}

std::optional<RecordStats> ResourcePoolBridgeIntegration::recordStats() const {
  return pool_->recordStats();
}

void ResourcePoolBridgeIntegration::close() {
  pool_->close();
}

}  // namespace webpool

#include "webpool/accelerate.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "bridge/preferences.h"

namespace webpool {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

bool isFile(const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) {
    std::error_code ignored;
    return text->size() < 4096 && std::filesystem::is_regular_file(*text, ignored);
  }
  return std::holds_alternative<Bytes>(content) ||
         std::holds_alternative<std::filesystem::path>(content) ||
         std::holds_alternative<Sound>(content) ||
         std::holds_alternative<TranscriptionRequest>(content);
}

/// A graph that names no task is tried for what the content is first.
std::vector<std::string> typesFor(const Content& content) {
  std::vector<std::string> types{"text_embedding", "text_generation", "vision",
                                 "audio",          "multimodal",      "text"};
  if (isFile(content)) std::ranges::rotate(types, std::ranges::find(types, "audio"));
  return types;
}

}  // namespace

AccelerateResult accelerate(const std::string& modelName, const Content& content,
                            const AccelerateConfig& config) {
  const auto began = Clock::now();
  AccelerateResult whole;
  whole.resourcePoolUsed = config.pool != nullptr;
  whole.result.modelName = modelName;
  std::optional<ResourcePoolBridgeIntegration> own;
  auto* pool = config.pool;
  const auto failed = [&](Error error) {
    whole.result.error = std::move(error);
    whole.totalMs = since(began);
    return whole;
  };
  if (pool == nullptr) {
    own.emplace(config.options);
    if (auto ready = own->initialize(); !ready) return failed(ready.error());
    pool = &*own;
  }
  HardwarePreferences preferences{.browser = config.browser,
                                  .precision = config.precision,
                                  .mixedPrecision = config.mixedPrecision,
                                  .contextLength = config.contextLength,
                                  .p2pOptimization = config.p2pOptimization};
  if (!config.platform.empty()) preferences.priorityList.push_back(config.platform);
  whole.result.asked = preferences;
  auto type = config.modelType;
  if (type.empty()) {
    auto ofTheModel = pool->typeOf(modelName, preferences, typesFor(content));
    if (!ofTheModel) return failed(ofTheModel.error());
    type = std::move(*ofTheModel);
  }
  whole.result.modelType = type;
  const auto model = pool->getModel(type, modelName, preferences, config.stop);
  whole.loadMs = since(began);
  if (!model) return failed(model.error());
  whole.result = (**model)(content, config.stop);
  if (const auto record = pool->recordStats()) {
    whole.resultsStored = record->isKept();
    whole.storingFailed = record->trouble;
  }
  whole.totalMs = since(began);
  return whole;
}

}  // namespace webpool

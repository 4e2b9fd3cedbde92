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

/// The type by which content runs on the model where none was given.
Result<std::string> typeFor(ResourcePoolBridgeIntegration& pool, const std::string& modelName,
                            const HardwarePreferences& preferences, const Content& content) {
  std::vector<std::string> types{
      "text_embedding", "text_generation", "vision", "multimodal", "text", "audio"};
  const auto* tensors = std::get_if<std::vector<Tensor>>(&content);
  if (tensors != nullptr &&
      std::ranges::any_of(*tensors, [](const Tensor& tensor) { return !tensor.name.empty(); })) {
    // Of named tensors a graph is run as it is: no task of sound takes them.
    auto asGraph = pool.typeOf(modelName, preferences, {types.begin(), types.end() - 1});
    if (asGraph) return asGraph;
  }
  // A graph that names no task is tried for what the content is first.
  if (isFile(content)) std::ranges::rotate(types, types.end() - 1);
  return pool.typeOf(modelName, preferences, types);
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
    auto ofTheModel = typeFor(*pool, modelName, preferences, content);
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

// Results under the names that users of the Python API know.
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <numeric>

#include "bridge/advice.h"
#include "bridge/preferences.h"
#include "webpool/accelerate.h"

namespace webpool {
namespace {

namespace json = boost::json;

json::value orNull(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value();
}

/// Bits of the weights that ran.
json::value bitsOf(std::string_view dtype) {
  if (dtype == "fp32") return 32;
  if (dtype == "fp16") return 16;
  if (dtype == "q8" || dtype == "int8" || dtype == "uint8" || dtype == "q8_0") return 8;
  if (dtype.starts_with("q4") || dtype == "bnb4") return 4;
  return nullptr;
}

json::value orNull(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

json::object askedJson(const WebModelResult& result) {
  const auto& asked = result.asked;
  return {{"priority_list", json::value_from(asked.priorityList)},
          {"browser", asked.browser},
          {"browser_preference", orNull(result.preferredBrowser)},
          {"precision", asked.precision},
          {"mixed_precision", asked.mixedPrecision},
          {"context_length", asked.contextLength},
          {"p2p_optimization",
           asked.p2pOptimization ? json::value(*asked.p2pOptimization) : json::value()},
          {"compute_shaders", asked.computeShaders},
          {"precompile_shaders", asked.precompileShaders},
          {"parallel_loading", asked.parallelLoading}};
}

void addError(json::object& object, const Error& error) {
  object["error"] = error.message;
  object["error_type"] = std::string(categoryName(error.category));
  object["error_category"] = std::string(categoryName(error.category));
  object["recovery_suggestion"] = bridge::nextStep(error);
  object["should_retry"] = error.shouldRetry();
}

/// What ran, which is the same in both kinds of results.
void addRan(json::object& object, const WebModelResult& result) {
  const auto& ran = result.ran;
  object["platform"] = orNull(result.platform());
  object["hardware"] = object["platform"];
  object["browser"] = orNull(ran.browser);
  object["browser_version"] = ran.browserVersion;
  object["fallback_reason"] = orNull(result.fallback);
  object["is_real_hardware"] = result.ownBackend
                                   ? result.success && result.ownBackend->isRealHardware
                                   : ran.isRealHardware();
  object["adapter_info"] = ran.adapter ? json::value(ran.adapter->label()) : json::value();
  object["precision"] = bitsOf(ran.dtype);
  object["dtype"] = ran.dtype;
  object["mixed_precision"] = ran.dtype == "q4f16";
  object["checked_by"] = ran.checkedBy;
  object["server"] = orNull(ran.server);
  object["cid"] = result.cid;
  object["weights"] = orNull(result.weights);
  object["ipfs_accelerated"] = result.ipfsAccelerated;
  object["ipfs_cache_hit"] = result.ipfsCacheHit;
  object["ipfs_source"] = orNull(result.ipfsSource);
  object["p2p_optimized"] = result.bytesPeer > 0;
  object["bytes_by_source"] = json::object{
      {"opfs", result.bytesOpfs}, {"pool", result.bytesPool}, {"peer", result.bytesPeer}};
}

/// As `webpool run --json` has them: only where a text was cut, or nothing ran.
void addNotices(json::object& object, const WebModelResult& result) {
  if (result.metrics.cached) object["cached"] = true;
  const auto& truncated = result.truncated;
  if (truncated.empty()) return;
  object["truncated"] = json::array(truncated.begin(), truncated.end());
}

json::value outputOf(const WebModelResult& result) {
  return result.output.empty() ? json::value() : json::parse(result.output);
}

}  // namespace

std::string WebModelResult::platform() const {
  if (ownBackend) return success ? ownBackend->name : std::string();
  if (ran.browser.empty() && ran.connection.empty()) return {};
  return ran.label == "mixed" ? "mixed" : std::string(bridge::platformName(ran.backend));
}

std::string WebModelResult::toJson() const {
  json::object object{{"success", success},           {"status", success ? "success" : "error"},
                      {"model_id", modelId},          {"model_name", modelName},
                      {"model_type", modelType},      {"output", outputOf(*this)},
                      {"requested", askedJson(*this)}};
  addNotices(object, *this);
  addRan(object, *this);
  // Nothing here does these: they would be claims.
  object["compute_shader_optimized"] = false;
  object["precompile_shaders"] = false;
  object["parallel_loading"] = false;
  object["performance_metrics"] = {{"inference_time_ms", metrics.inferenceTimeMs},
                                   {"latency_ms", metrics.latencyMs},
                                   {"throughput_items_per_sec", metrics.throughputItemsPerSec},
                                   {"memory_usage_mb", orNull(metrics.memoryUsageMb)}};
  if (error) addError(object, *error);
  return json::serialize(object);
}

namespace {

json::value toJson(const std::optional<RecordStats>& record) {
  if (!record) return nullptr;
  return json::object{
      {"file", record->file.string()},
      {"stored", record->isKept()},
      {"rows_written", record->counts.written},
      {"rows_waiting", record->counts.waiting},
      {"rows_lost", record->counts.lost},
      {"trouble", record->trouble ? json::value(record->trouble->describe()) : json::value()}};
}

}  // namespace

std::string ExecutionStats::toJson() const {
  json::object times;
  json::object averages;
  for (const auto& [model, all] : modelExecutionTimesMs) {
    times[model] = json::value_from(all);
    averages[model] = std::accumulate(all.begin(), all.end(), 0.0) / double(all.size());
  }
  json::object counts;
  std::uint64_t launched = 0;
  std::uint64_t current = 0;
  std::uint64_t jobs = 0;
  std::uint64_t memory = 0;
  for (const auto& connection : connections) {
    launched += connection.launches;
    current += connection.pid > 0 ? 1 : 0;
    jobs += connection.jobs;
    memory += connection.pss;
    auto& count = counts[connection.browser];
    count =
        (count.is_number() ? count.to_number<std::uint64_t>() : 0) + (connection.pid > 0 ? 1 : 0);
  }
  const auto ofConnections = [&](double ms) { return connectionMs > 0 ? ms / connectionMs : 0; };
  const auto share = [&](const std::string& platform) {
    const auto busy = platformBusyMs.find(platform);
    return busy == platformBusyMs.end() ? 0 : ofConnections(busy->second);
  };
  json::array decisions;
  for (const auto& event : scaling) {
    decisions.push_back({{"model", event.model},
                         {"action", event.action},
                         {"workers", event.workers},
                         {"foreseen", event.foreseen},
                         {"reason", event.reason}});
  }
  return json::serialize(json::object{{"executed_tasks", executedTasks},
                                      {"total_execution_time", totalExecutionTimeMs / 1000},
                                      {"errors", errors},
                                      {"concurrent_peak", concurrentPeak},
                                      {"current_queue_size", currentlyWaiting},
                                      {"queue_peak", waitingPeak},
                                      {"model_execution_times", std::move(times)},
                                      {"avg_execution_times", std::move(averages)},
                                      {"ipfs_acceleration_count", ipfsAccelerationCount},
                                      {"ipfs_cache_hits", ipfsCacheHits},
                                      {"scaling_decisions", std::move(decisions)},
                                      {"record", webpool::toJson(record)},
                                      {"bridge_stats",
                                       {{"created_connections", launched},
                                        {"current_connections", current},
                                        {"peak_connections", connectionPeak},
                                        {"loaded_models", loadedModels},
                                        {"connection_counts", std::move(counts)},
                                        {"total_inferences", jobs}}},
                                      {"resource_metrics",
                                       {{"webgpu_util", share("webgpu")},
                                        {"webnn_util", share("webnn")},
                                        {"cpu_util", share("cpu")},
                                        {"connection_util", ofConnections(connectionBusyMs)},
                                        {"memory_usage", double(memory) / 1e6},
                                        {"browser_usage", json::value_from(browserUsage)},
                                        {"platform_usage", json::value_from(platformUsage)}}}});
}

std::string AccelerateResult::toJson() const {
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  json::object object{
      {"success", result.success},
      {"status", result.success ? "success" : "error"},
      {"model_name", result.modelName},
      {"model_type", result.modelType},
      {"output", outputOf(result)},
      {"requested", askedJson(result)},
      {"inference_time", result.metrics.inferenceTimeMs / 1000},
      {"processing_time", result.metrics.latencyMs / 1000},
      {"total_time", totalMs / 1000},
      {"latency_ms", result.metrics.latencyMs},
      {"throughput_items_per_sec", result.metrics.throughputItemsPerSec},
      {"memory_usage_mb", orNull(result.metrics.memoryUsageMb)},
      {"ipfs_load_time", result.load.fetchMs / 1000},
      {"launch_time", result.load.launchMs / 1000},
      {"compile_time", result.load.compileMs / 1000},
      {"warmup_time", result.load.warmupMs / 1000},
      {"load_time", loadMs / 1000},
      {"resource_pool_used", resourcePoolUsed},
      {"results_stored", resultsStored},
      {"storing_failed", storingFailed ? json::value(storingFailed->describe()) : json::value()},
      {"timestamp", now}};
  addNotices(object, result);
  addRan(object, result);
  if (result.error) addError(object, *result.error);
  return json::serialize(object);
}

}  // namespace webpool

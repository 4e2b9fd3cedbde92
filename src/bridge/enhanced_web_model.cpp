#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <limits>
#include <optional>
#include <utility>

#include "bridge/at_once.h"
#include "bridge/enhanced_web_model_state.h"
#include "bridge/request.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool {
namespace {

namespace json = boost::json;

using Clock = std::chrono::steady_clock;

double since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

std::size_t itemsIn(const Content& content) {
  const auto* texts = std::get_if<std::vector<std::string>>(&content);
  return texts != nullptr ? texts->size() : 1;
}

}  // namespace

EnhancedWebModel::EnhancedWebModel(std::string type, std::string name, std::unique_ptr<State> state)
    : id_(type + ':' + name),
      type_(std::move(type)),
      name_(std::move(name)),
      state_(std::move(state)) {}

EnhancedWebModel::~EnhancedWebModel() = default;

const ModelInfo& EnhancedWebModel::info() const {
  return state_->info;
}

bool EnhancedWebModel::isInBrowser() const {
  return !state_->ownBackend;
}

Result<bridge::Answer> EnhancedWebModel::answer(const Content& content,
                                                const RunOptions& options) const {
  std::optional<Content> text;
  if (const auto* path = std::get_if<std::filesystem::path>(&content);
      path != nullptr && isInBrowser() && bridge::takesTexts(info().task)) {
    auto read = bridge::textOfFile(*path);
    if (!read) return std::unexpected(read.error());
    text = std::move(*read);
  }
  auto answer = state_->adapter->run(text ? *text : content, options);
  if (answer || answer.error().category != ErrorCategory::Cancelled) return answer;
  // A model goes with the pool that it was loaded in, and stays gone when that opens again.
  if (const auto next = state_->pool->nextStepAfterEnd(*this)) answer.error().hint = *next;
  return answer;
}

WebModelResult EnhancedWebModel::run(const Content& content, std::size_t items,
                                     std::stop_token stop) {
  WebModelResult result;
  result.modelId = id_;
  result.modelName = name_;
  result.modelType = type_;
  result.cid = info().cid;
  result.weights = info().weights;
  result.asked = state_->asked;
  result.preferredBrowser = state_->preferredBrowser;
  result.fallback = state_->fallback;
  result.ownBackend = state_->ownBackend;
  result.load = state_->load;
  auto& record = state_->pool->record();
  record.began();
  const auto began = Clock::now();
  auto answer = this->answer(content, {.stop = std::move(stop),
                                       .maxBatch = static_cast<unsigned>(std::min<std::size_t>(
                                           maxBatchSize(), std::numeric_limits<unsigned>::max()))});
  result.metrics.latencyMs = since(began);
  if (answer && answer->isBrokenOff) {
    result.output = std::move(answer->output);
    result.ran = std::move(answer->ranOn);
    result.error = Error{ErrorCategory::Cancelled, "the call was cancelled", ""};
  } else if (answer) {
    result.success = true;
    result.output = std::move(answer->output);
    result.tensors = std::move(answer->tensors);
    result.truncated = std::move(answer->truncated);
    result.ran = std::move(answer->ranOn);
    result.metrics.inferenceTimeMs = answer->timings.runMs;
    result.metrics.cached = answer->timings.cached;
    result.metrics.throughputItemsPerSec = 1000 * double(items) / result.metrics.latencyMs;
    result.metrics.memoryUsageMb =
        bridge::memoryMb(state_->pool->connections(), result.ran.connection);
    // There is no other way for bytes into the page than by CID.
    result.ipfsAccelerated = !state_->ownBackend;
    const auto& load = state_->load;
    result.ipfsCacheHit = load.isCacheHit();
    result.ipfsSource = load.source();
    result.bytesOpfs = load.bytesCache;
    result.bytesPool = load.bytesNetwork;
    result.bytesPeer = load.bytesPeer;
  } else {
    result.error = std::move(answer.error());
  }
  record.ended(result);
  const std::lock_guard lock(state_->mutex);
  auto& stats = state_->stats;
  ++stats.totalCalls;
  if (!result.success) {
    ++stats.errors;
    return result;
  }
  stats.totalItems += items;
  stats.totalTimeMs += result.metrics.latencyMs;
  ++stats.batchSizes[items];
  if (!result.platform().empty()) state_->latest = result;
  return result;
}

WebModelResult EnhancedWebModel::operator()(const Content& content, std::stop_token stop) {
  return run(content, itemsIn(content), std::move(stop));
}

std::future<WebModelResult> EnhancedWebModel::async(Content content) {
  return std::async(std::launch::async,
                    [this, content = std::move(content)] { return (*this)(content); });
}

std::vector<WebModelResult> EnhancedWebModel::runBatch(const std::vector<Content>& contents,
                                                       std::stop_token stop) {
  std::vector<WebModelResult> results;
  results.reserve(contents.size());
  const auto isText = [](const Content& content) {
    return std::holds_alternative<std::string>(content);
  };
  for (std::size_t at = 0; at < contents.size();) {
    std::vector<std::string> together;
    if (state_->adapter->takesTogether()) {
      while (at + together.size() < contents.size() && together.size() < maxBatchSize() &&
             isText(contents[at + together.size()])) {
        together.push_back(std::get<std::string>(contents[at + together.size()]));
      }
    }
    if (together.size() < 2) {
      results.push_back((*this)(contents[at], stop));
      ++at;
      continue;
    }
    const auto whole = run(Content(together), together.size(), stop);
    const auto rows = whole.success ? json::parse(whole.output) : json::value(json::array());
    for (std::size_t i = 0; i < together.size(); ++i) {
      auto one = whole;
      if (whole.success) one.output = json::serialize(rows.as_array().at(i));
      const bool cut = i < whole.truncated.size() && whole.truncated[i];
      one.truncated = cut ? std::vector{true} : std::vector<bool>();
      results.push_back(std::move(one));
    }
    at += together.size();
  }
  return results;
}

std::vector<WebModelResult> EnhancedWebModel::runConcurrent(
    const std::vector<Content>& items,
    const std::vector<std::pair<std::shared_ptr<EnhancedWebModel>, Content>>& others,
    std::stop_token stop) {
  return bridge::atOnce(items.size() + others.size(), state_->pool->maxConnections(),
                        state_->pool->record(), [&](std::size_t i) {
                          if (i < items.size()) return (*this)(items[i], stop);
                          const auto& [model, content] = others[i - items.size()];
                          return (*model)(content, stop);
                        });
}

void EnhancedWebModel::setMaxBatchSize(std::size_t size) {
  state_->maxBatch = std::max<std::size_t>(size, 1);
}

std::size_t EnhancedWebModel::maxBatchSize() const {
  return state_->maxBatch;
}

std::string EnhancedWebModel::performanceMetricsJson() const {
  const auto all = stats();
  json::object sizes;
  for (const auto& [size, calls] : all.batchSizes) sizes[std::to_string(size)] = calls;
  const auto ran = state_->ranOn();
  const auto memory = bridge::memoryMb(state_->pool->connections(), ran.connection);
  const auto platform = state_->platform();
  return json::serialize(
      json::object{{"model_id", id_},
                   {"model_type", type_},
                   {"platform", platform.empty() ? json::value() : json::value(platform)},
                   {"family", type_},
                   {"memory_usage", memory ? json::value(*memory) : json::value()},
                   {"stats",
                    {{"total_calls", all.totalCalls},
                     {"total_items", all.totalItems},
                     {"errors", all.errors},
                     {"total_time", all.totalTimeMs / 1000},
                     {"batch_sizes", std::move(sizes)},
                     {"avg_latency", all.averageLatencyMs()},
                     {"throughput", all.itemsPerSecond()}}}});
}

WebModelStats EnhancedWebModel::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stats;
}

}  // namespace webpool

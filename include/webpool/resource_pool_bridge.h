// The names that users of fixed_web_platform.resource_pool_bridge know, with what they mean here:
// models by type, in real browsers, and results that say what was asked for and what ran.
//
//   webpool::ResourcePoolBridgeIntegration integration({.maxConnections = 4});
//   auto ready = integration.initialize();
//   auto model = integration.getModel("text_embedding", "all-minilm-l6-v2",
//                                     {.priorityList = {"webgpu", "cpu"}});
//   auto result = (**model)(std::string("a sentence"));
//
// docs/bridge.md says what each key means.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "webpool/content.h"
#include "webpool/extensions.h"
#include "webpool/model.h"
#include "webpool/pool.h"
#include "webpool/record.h"

namespace webpool {

namespace bridge {
class Pool;
class Adapter;
struct Answer;
}  // namespace bridge

struct WebModelMetrics {
  double inferenceTimeMs = 0;        ///< in the runtime, in the page
  bool cached = false;               ///< RunTimings::cached
  double latencyMs = 0;              ///< of the whole call
  double throughputItemsPerSec = 0;  ///< of this call
  /// Of the whole browser that ran it, its processes together, when last sampled; unset: not yet.
  std::optional<double> memoryUsageMb{};
};

/// A failure is a result too: then `error` is set, and it names nothing that ran. A text that was
/// cancelled while it came is one: it has what there was of it, and where that ran.
struct WebModelResult {
  bool success = false;
  std::string modelId;  ///< "text_embedding:all-minilm-l6-v2"
  std::string modelName;
  std::string modelType;
  std::string output;           ///< JSON; its form is the model's task's (docs/bridge.md)
  std::vector<Tensor> tensors;  ///< of a model that gives tensors
  /// By text: longer than the model reads, so that what is beyond was left out; empty: none was.
  std::vector<bool> truncated{};
  std::string cid;      ///< of the model's folder in the content store
  std::string weights;  ///< "random" where the model was never trained; else empty
  HardwarePreferences asked;
  std::string preferredBrowser{};  ///< what browserPreferences say of its type; empty: nothing
  /// Why it is in another browser or on another platform than asked for or preferred, or in a lower
  /// precision than usual; empty where it is not.
  std::string fallback{};
  /// Empty where a backend outside the browsers ran it, and where nothing had to run: for silence,
  /// say, or an empty file.
  RanOn ran;
  std::optional<OwnBackend> ownBackend{};
  bool ipfsAccelerated = false;  ///< its bytes came by CID, each verified
  bool ipfsCacheHit = false;     ///< the browser had all of them already
  /// How the model came into the browser: LoadTimings::source(), and bytes by source.
  std::string ipfsSource{};
  std::uint64_t bytesOpfs = 0;  ///< from the browser's own storage
  std::uint64_t bytesPool = 0;
  std::uint64_t bytesPeer = 0;  ///< from other browsers
  LoadTimings load{};           ///< of the model into the browser that it was loaded in
  WebModelMetrics metrics;
  std::optional<Error> error{};

  /// What ran: "webgpu", "webnn", "cpu", a backend's own name; "mixed" as RanOn::label; "" where
  /// nothing did.
  std::string platform() const;
  /// All of it with the keys of the Python API, as a JSON object.
  std::string toJson() const;
};

struct WebModelStats {
  std::uint64_t totalCalls = 0;
  std::uint64_t totalItems = 0;  ///< that were answered
  std::uint64_t errors = 0;      ///< calls that failed
  /// Of the calls that were answered, each from its begin to its end: one that is refused at once
  /// would make the others look fast.
  double totalTimeMs = 0;
  std::map<std::size_t, std::uint64_t> batchSizes;  ///< how many of those had so many items

  double averageLatencyMs() const {
    return totalCalls > errors ? totalTimeMs / double(totalCalls - errors) : 0;
  }
  double itemsPerSecond() const {
    return totalTimeMs > 0 ? 1000 * double(totalItems) / totalTimeMs : 0;
  }
};

/// A model of a type. Thread-safe; valid until its integration closes, after which each call is a
/// failed result.
class EnhancedWebModel {
 public:
  ~EnhancedWebModel();
  EnhancedWebModel(const EnhancedWebModel&) = delete;
  EnhancedWebModel& operator=(const EnhancedWebModel&) = delete;

  const std::string& modelId() const { return id_; }
  const std::string& modelType() const { return type_; }
  const std::string& modelName() const { return name_; }
  const ModelInfo& info() const;
  /// False where a backend of the program's own runs it.
  bool isInBrowser() const;

  /// Runs once. Blocks. When a stop is requested the call ends soon, as Cancelled.
  WebModelResult operator()(const Content& content, std::stop_token stop = {});
  std::future<WebModelResult> async(Content content);

  /// A result for each, in order. Texts for an embedding model go together, as many as
  /// setMaxBatchSize() allows in a run.
  std::vector<WebModelResult> runBatch(const std::vector<Content>& contents,
                                       std::stop_token stop = {});

  /// At the same time, with other models if there are any; a result for each, in order.
  std::vector<WebModelResult> runConcurrent(
      const std::vector<Content>& items,
      const std::vector<std::pair<std::shared_ptr<EnhancedWebModel>, Content>>& others = {},
      std::stop_token stop = {});

  /// Items that go together in one run of the browser, also with calls of others; 16 at first, 0
  /// counts as 1.
  void setMaxBatchSize(std::size_t size);
  std::size_t maxBatchSize() const;
  WebModelStats stats() const;
  /// With the keys of get_performance_metrics(), as a JSON object.
  std::string performanceMetricsJson() const;

 private:
  friend class bridge::Pool;
  struct State;
  EnhancedWebModel(std::string type, std::string name, std::unique_ptr<State> state);
  WebModelResult run(const Content& content, std::size_t items, std::stop_token stop);
  Result<bridge::Answer> answer(const Content& content, const RunOptions& options) const;

  std::string id_;
  std::string type_;
  std::string name_;
  std::unique_ptr<State> state_;
};

struct BridgeOptions {
  unsigned maxConnections = 4;
  unsigned minConnections = 1;
  /// By model type, e.g. {"audio", "firefox"}: the browser that a model of it is put in where it
  /// says nothing itself. A wish: where it can't be had, another of its family is taken, else any,
  /// and results say why.
  /// $TEST_BROWSER is the wish for the types that are not in it.
  std::map<std::string, std::string> browserPreferences{};
  bool enableGpu = true;  ///< false: neither "webgpu" nor "webnn", whatever is asked for
  bool enableCpu = true;  ///< false: not "cpu"
  bool headless = true;
  bool ephemeral = false;
  std::uint64_t maxMemoryMb = 0;  ///< 0: no limit
  /// A DuckDB file that keeps a record of every run (webpool/record.h); empty: $BENCHMARK_DB_PATH,
  /// else none.
  std::filesystem::path dbPath{};
  /// A running `webpool serve` that does the work, as PoolOptions::url and ::token; empty: what
  /// `pool` says. Connections, headless, memory and the record are then the server's own affair.
  std::string url{};
  std::string token{};
  /// As PoolOptions::peerSharing: true is On, false is Off; unset: what `pool` says.
  std::optional<bool> p2pOptimization{};
  /// Everything else: folders, paths of browsers, notices.
  PoolOptions pool{};
};

/// How it stands with the DuckDB file of an integration.
struct RecordStats {
  std::filesystem::path file{};
  Record::Counts counts{};
  std::optional<Error> trouble{};  ///< as Record::trouble()

  /// Every row is in the file, or will be as far as is known.
  bool isKept() const { return !trouble && counts.lost == 0; }
};

/// Measured values only.
struct ExecutionStats {
  std::uint64_t executedTasks = 0;
  std::uint64_t errors = 0;
  double totalExecutionTimeMs = 0;   ///< of the calls that were answered
  std::uint64_t concurrentPeak = 0;  ///< calls under way at once
  std::uint64_t currentlyUnderWay = 0;
  /// Calls of executeConcurrent() and runConcurrent() that wait because as many are under way as
  /// the pool takes.
  std::uint64_t currentlyWaiting = 0;
  std::uint64_t waitingPeak = 0;
  std::map<std::string, std::vector<double>> modelExecutionTimesMs;  ///< the last 1,000 of each
  std::uint64_t ipfsAccelerationCount = 0;
  std::uint64_t ipfsCacheHits = 0;
  std::map<std::string, std::uint64_t> browserUsage;   ///< calls by the browser that ran them
  std::map<std::string, std::uint64_t> platformUsage;  ///< calls by platform
  std::map<std::string, double> platformBusyMs;        ///< time in the runtime, by platform
  std::uint64_t connectionPeak = 0;                    ///< connected pages at once
  double connectionMs = 0;                   ///< that pages were connected, all of them together
  double connectionBusyMs = 0;               ///< of those, with work
  std::uint64_t loadedModels = 0;            ///< by their ids, however often with other preferences
  std::vector<ConnectionStats> connections;  ///< as ResourcePool::connections()
  std::vector<ScalingEvent> scaling;         ///< as ResourcePool::scalingEvents()
  std::optional<RecordStats> record{};       ///< unset: none is kept

  /// With the keys of get_execution_stats().
  std::string toJson() const;
};

/// Thread-safe.
class ResourcePoolBridgeIntegration {
 public:
  explicit ResourcePoolBridgeIntegration(BridgeOptions options = {});
  ~ResourcePoolBridgeIntegration();
  ResourcePoolBridgeIntegration(const ResourcePoolBridgeIntegration&) = delete;
  ResourcePoolBridgeIntegration& operator=(const ResourcePoolBridgeIntegration&) = delete;

  /// Opens the pool and begins to launch its first browser; also one that was closed, whose models
  /// are then to be asked for again. BrowserNotFound where none is there.
  Result<void> initialize();

  /// Whether runs go into a DuckDB file (BridgeOptions::dbPath): it could be opened, the latest try
  /// to write went well and nothing was lost so far. Rows are written off the calls' path, so what
  /// comes later shows a little later.
  bool keepsRecord() const;
  /// How it stands with that file; nullopt where none was given.
  std::optional<RecordStats> recordStats() const;

  /// Types: "text", "text_embedding", "text_generation", "vision", "audio", "multimodal". The same
  /// type, name and preferences give the same model. Blocks until it is loaded and found right.
  /// InvalidArgument: unknown type, or a model that is not of it. Unsupported: none of the
  /// platforms asked for can run it (the message says why of each).
  Result<std::shared_ptr<EnhancedWebModel>> getModel(const std::string& modelType,
                                                     const std::string& modelName,
                                                     const HardwarePreferences& preferences = {},
                                                     std::stop_token stop = {});
  /// The first of the types that the model is of, by its own task; of a graph that names none the
  /// first whose task it can do, else the first. Nothing is loaded, nobody else asked. NotFound,
  /// InvalidModel, …, as of getModel(); InvalidArgument where it is of none.
  Result<std::string> typeOf(const std::string& modelName, const HardwarePreferences& preferences,
                             const std::vector<std::string>& types);
  std::future<Result<std::shared_ptr<EnhancedWebModel>>> getModelAsync(
      std::string modelType, std::string modelName, HardwarePreferences preferences = {});

  /// By model or by its id ("vision:pp-ocr-v6") of one that getModel() gave. A result for each, in
  /// order; what fails does not keep the others.
  using Asked = std::pair<std::variant<std::string, std::shared_ptr<EnhancedWebModel>>, Content>;
  std::vector<WebModelResult> executeConcurrent(const std::vector<Asked>& asked,
                                                std::stop_token stop = {});

  ExecutionStats getExecutionStats() const;

  /// The name may then be in a priority list, and without a list it has its place by its priority
  /// (webpool/extensions.h). InvalidArgument for a name that is taken, or without its functions.
  Result<void> registerHardwareBackend(const std::string& name, HardwareBackend backend);
  /// Asked from the next model on; null: none.
  void setBrowserIntegration(std::shared_ptr<BrowserIntegration> integration);
  void setMemoryPolicy(std::shared_ptr<MemoryPolicy> policy);

  /// Ends every browser. Idempotent.
  void close();

 private:
  std::shared_ptr<bridge::Pool> pool_;
};

}  // namespace webpool

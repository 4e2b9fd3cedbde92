// What a caller may choose. Every default is what a person would want without reading this.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/join.h"

namespace webpool {

/// What computes inside the browser. Never substituted: a backend that can't run is an error, and
/// only Auto leaves the choice to the pool.
enum class Backend { Auto, Wasm, WebGpu, WebNn };

/// "auto", "wasm", "webgpu", "webnn"
std::string_view backendName(Backend backend) noexcept;
Result<Backend> backendFromName(std::string_view name);

/// How far the pool trusts what a connection answers.
enum class Trust {
  Launched,  ///< a browser that this pool started itself on this machine
  Joined,    ///< a device of somebody who opened the link; its answers are its word only
};

/// "launched" or "joined"
std::string_view trustName(Trust trust) noexcept;

/// What a long step does at the moment. Called on a thread of the pool; must return soon.
struct Progress {
  std::string step{};       ///< "download", "import", "launch", "fetch", "compile", "warmup", …
  std::string detail{};     ///< file or package, may be empty
  std::uint64_t done = 0;   ///< bytes
  std::uint64_t total = 0;  ///< bytes; 0 where unknown, or where the step has no size
};
using ProgressCallback = std::function<void(const Progress&)>;

struct JoinEvent;     // webpool/pool.h
class RunObserver;    // webpool/record.h
struct StateChange;   // webpool/stats.h
struct ScalingEvent;  // webpool/stats.h
struct KeptModel;     // webpool/memory_policy.h

/// Whether browsers give each other the leaves of model files, beside getting them from the pool.
enum class PeerSharing {
  Auto,  ///< browsers on other machines, where several fetch a file at once and each gets it slowly
  On,    ///< every browser, at once
  Off
};

/// "auto", "on" or "off".
std::string_view peerSharingName(PeerSharing sharing) noexcept;
/// InvalidArgument for another word.
Result<PeerSharing> peerSharingFromName(std::string_view name);

/// Where the files of models are asked for by what they contain, before their packages are
/// (docs/store.md). None is trusted: every block is checked.
struct ContentSources {
  std::vector<std::string> gateways{};         ///< "https://HOST"; http:// of this machine only
  std::vector<std::string> peers{};            ///< other webpool nodes; http:// too
  std::vector<std::string> routers{};          ///< HTTP routing v1: "https://HOST"
  std::string kubo = "http://127.0.0.1:8080";  ///< of this machine; empty or "off": none
};

struct PoolOptions {
  /// Where models are kept; empty: $WEBPOOL_DATA_DIR, else $XDG_DATA_HOME/webpool.
  std::filesystem::path dataFolder{};
  /// Where models come from that are not there.
  ContentSources contentSources{};
  /// Where browser profiles are kept; empty: $WEBPOOL_CACHE_DIR, else $XDG_CACHE_HOME/webpool.
  std::filesystem::path cacheFolder{};
  /// The browsers that may be launched, best first, by name: "chromium", "firefox", …; none: the
  /// first that is installed; "auto": of each family the first (docs/browsers.md, "Which").
  std::vector<std::string> browsers{};
  /// Whether browsers may give each other the model files that they have (docs/sharing.md). Each
  /// learns the addresses of the others then.
  PeerSharing peerSharing = PeerSharing::Auto;
  /// Executables by browser name, instead of searching.
  std::map<std::string, std::filesystem::path> browserPaths{};
  /// False: none is launched, and only devices that join compute.
  bool launchBrowsers = true;
  /// Browser processes at most; 0: one of each browser, and the warm spares.
  unsigned maxConnections = 0;
  /// Browser processes that start() launches, and that are there even when no model needs them: one
  /// of each browser in turn.
  unsigned minConnections = 1;
  /// Browsers that each model is loaded in beside the first, so that a death costs no reload.
  unsigned warmSpares = 0;
  /// Models get further workers while they are busy and lose them when they are not, between one
  /// (and the warm spares) and `maxConnections`, where that is set. False: they keep what they
  /// have.
  bool adaptiveScaling = true;
  /// Share of a model's workers' time that is busy: above the one workers are added, below the
  /// other they are drained.
  double scaleUpThreshold = 0.7;
  double scaleDownThreshold = 0.3;
  /// Between two such changes of a model.
  std::chrono::milliseconds scalingCooldown{30'000};
  /// Calls that wait longer are a reason too.
  std::chrono::milliseconds queueTimeTarget{200};
  /// Told of each such change and why. On a thread of the pool; must return soon.
  std::function<void(const ScalingEvent&)> onScaling{};
  /// Bytes that all browsers of the pool, with their models, may take (proportional set size); 0:
  /// what other pools leave. Models are unloaded, first those that would cost the least to have
  /// back, and come back when called.
  std::uint64_t memoryBudget = 0;
  /// The same for each browser.
  std::uint64_t browserMemoryBudget = 0;
  /// What keeping a model is worth, instead of what the pool takes (KeptModel::worth in
  /// webpool/memory_policy.h): as MemoryPolicy::worthKeeping(). Empty: that.
  std::function<double(const KeptModel&)> worthKeeping{};
  /// Texts, or rows, that calls of several callers may share in one run (batching); 1: each call is
  /// a run of its own. Batches form while workers are busy.
  unsigned maxBatch = 16;
  /// Tokens in one run at most, padding included; texts are measured by what the model's answers
  /// tell of their tokens.
  unsigned maxBatchTokens = 4096;
  /// So long the first of a batch may wait for others although a worker is free; 0: never.
  std::chrono::milliseconds maxQueueDelay{0};
  /// Calls of one model that may wait; further ones fail with Busy, and so do calls whose deadline
  /// is over before their turn can come.
  unsigned queueCapacity = 4096;
  /// Bytes of answers that are kept for each model, to be given again for equal inputs and
  /// parameters (Inference::cached); 0: none.
  std::uint64_t answerCache = 0;
  bool headless = true;
  /// Delete the browser's profile, and with it its model cache, when the pool closes.
  bool ephemeral = false;
  /// The TCP port on 127.0.0.1; 0: the one remembered for the profile, else a free one. The page's
  /// origin includes the port, and a browser keeps cached models by origin.
  std::uint16_t port = 0;
  /// WASM threads per model; 0: few enough for all models and pools of this machine (1 on 2 cores).
  unsigned wasmThreads = 0;
  /// Pages measure what WebNN contexts really compute on, which takes about a second of CPU time.
  bool measureWebNn = false;
  /// From starting the browser's process to its page being connected.
  std::chrono::milliseconds launchTimeout{60'000};
  /// Set: devices may join by a link (ResourcePool::invitation()).
  std::optional<JoinOptions> join{};
  /// Told of devices that come, pause and leave. On a thread of the pool; must return soon.
  std::function<void(const JoinEvent&)> onJoin{};
  /// Told of every change of state of a connection ("chromium-0", "joined-3"). On a thread of the
  /// pool; must return soon.
  std::function<void(const std::string& connection, const StateChange& change)> onStateChange{};
  /// Told things that a person should know (sandbox off, port changed). Any thread.
  std::function<void(const std::string&)> notice{};
  /// Told of every run, load and end of a browser: a record (openRecord()), for example. The pool
  /// tells the last of it while it closes.
  std::shared_ptr<RunObserver> observer{};
  /// A log of what the pool does, for debugging: "trace", "debug", "info", "warn", "error", "off".
  std::string logLevel = "off";
  /// A `webpool serve` that does the work instead of browsers of this process:
  /// "http://127.0.0.1:8080". Unset: $WEBPOOL_URL; empty: none, whatever the environment says. With
  /// it only `token` and `notice` count here; the rest was chosen where it was started.
  std::optional<std::string> url{};
  /// What that server is sent as a bearer token; empty: $WEBPOOL_API_TOKEN.
  std::string token{};
};

struct ModelOptions {
  /// "text-embedding", or "tensors" for the graph's own inputs and outputs; empty: the catalogue's.
  std::string task{};
  Backend backend = Backend::Auto;
  /// The browser that the model is to run in, by name; empty: the pool chooses.
  std::string browser{};
  /// The least trusted connection that may have the model and the inputs of its runs. Only matters
  /// in a pool that lets devices join.
  Trust leastTrust = Trust::Joined;
  /// "fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4", of GGUF files "q4_1",
  /// "q4_k_m", …; empty: the fastest that was measured, or the usual one (docs/scheduler.md).
  std::string dtype{};
  /// Instead of a dtype, bits of its weights: 32, 16, 8 or 4, the best such dtype that there is; 0:
  /// as `dtype` says. NotFound names the dtypes that there are.
  unsigned precision = 0;
  /// Weights of 4 bits with activations in 16 ("q4f16"). InvalidArgument beside another precision.
  bool mixedPrecision = false;
  /// Where that does not fit into the memory, the next lower one that there is may be loaded
  /// (ModelInfo::loweredFrom tells). Needs not be said where neither dtype nor precision is.
  bool mayLower = false;
  /// Of a model with several graphs, the one that is meant, by its file's name without dtype:
  /// "encoder_model", "decoder_model_merged"; empty: "model", or the only one there is.
  std::string component{};
  /// Tokens that a language model can hold of one conversation, up to what it was trained on; 0:
  /// that, at most 4096. InvalidArgument for more, and for a model that is none of language.
  unsigned context = 0;
  /// Only describe it now: it is loaded, and checked, when it is first run.
  bool lazy = false;
  ProgressCallback progress{};
  std::chrono::milliseconds timeout{600'000};
  std::stop_token stop{};
  /// As PoolOptions::peerSharing, for this model's loads; unset: what the pool was opened with.
  std::optional<PeerSharing> peerSharing{};
};

/// Part of an answer that comes bit by bit: what is new in it.
struct PartialAnswer {
  std::string text{};                  ///< whole characters of UTF-8
  std::vector<std::int64_t> tokens{};  ///< only where the task was asked for them
};

struct RunOptions {
  std::chrono::milliseconds timeout{600'000};
  std::stop_token stop{};
  /// Of the task, as a JSON object (docs/protocol.md); empty: the task's own.
  std::string parameters{};
  /// Runs of one conversation go to the worker that served it last, as long as it may serve and is
  /// not busy: it holds what it computed for the conversation so far. Empty: none.
  std::string conversation{};
  /// Called for each part of an answer before the answer comes, in order, on a thread of the pool;
  /// must return soon. A run that has given a part is not tried again elsewhere: it fails with
  /// WorkerLost where its browser dies.
  std::function<void(const PartialAnswer&)> onPartial{};
  /// 1 is the highest. A call that waits long counts as a higher one, so that none starves.
  unsigned priority = 2;
  /// Callers of one model get the same share of it, however many calls each makes.
  std::string caller{};
  /// Texts, or rows, in one run with this call at most, where that is less than
  /// PoolOptions::maxBatch; 0: no less.
  unsigned maxBatch = 0;
  /// It may be run together with other calls, and have the answer of an equal call that is under
  /// way. False: a run of its own, for measuring.
  bool shared = true;
};

}  // namespace webpool

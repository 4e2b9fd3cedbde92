// What ran, where, and how long it took: measured, never assumed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/options.h"
#include "webpool/tensor.h"

namespace webpool {

/// The graphics adapter as the page was told it by the browser.
struct AdapterInfo {
  std::string vendor;
  std::string architecture;
  std::string device;
  std::string description;
  bool software = false;  ///< SwiftShader, llvmpipe, …: never called a GPU
  bool shaderF16 = false;
  std::uint64_t maxBufferSize = 0;                      ///< bytes
  std::uint64_t maxStorageBufferBindingSize = 0;        ///< bytes
  std::uint64_t maxComputeWorkgroupStorageSize = 0;     ///< bytes; 0: not told
  std::uint64_t maxComputeInvocationsPerWorkgroup = 0;  ///< 0: not told
  std::vector<std::string> features = {};               ///< "shader-f16", "subgroups", …
  std::optional<unsigned> subgroupMinSize = {};         ///< lanes, where the browser tells
  std::optional<unsigned> subgroupMaxSize = {};

  /// "SwiftShader (software)"
  std::string label() const;
};

/// How many of the graph's MatMul, Conv and Attention nodes ran on the backend that was asked for.
struct Placement {
  std::uint32_t counted = 0;
  std::uint32_t onBackend = 0;
  double share() const { return counted == 0 ? 1.0 : double(onBackend) / counted; }
};

/// The truth about one answer.
struct RanOn {
  std::string browser{};         ///< engine: "chromium"; for a joined device what it says of itself
  std::string browserVersion{};  ///< "156.0.8078.79"
  std::string connection{};      ///< "chromium-0", "joined-3"
  Trust trust = Trust::Launched;
  Backend backend = Backend::Wasm;
  /// backendName(), or "mixed" where less than 90 % of the counted nodes ran on the backend, or
  /// where the runtime did not tell.
  std::string label{};
  std::optional<Placement> placement{};  ///< nullopt where the runtime did not tell
  std::optional<AdapterInfo> adapter{};  ///< for WebGpu
  std::string dtype{};
  unsigned wasmThreads = 0;
  /// What its answers were compared with before it served (docs/browsers.md, "The golden gate"):
  /// "golden answer" of the catalogue, "golden file" beside the model, "wasm of firefox 153.7.0",
  /// "wasm in the same browser", or "nothing: " and why. May change with the first calls.
  std::string checkedBy{};
  /// The `webpool serve` whose browser it was: "http://127.0.0.1:8080"; empty: this process's own.
  std::string server{};

  /// True on a hardware accelerator; false for wasm and for a software adapter.
  bool isRealHardware() const;
};

/// Of one graph's session in the page; milliseconds from the begin of the load there.
struct ComponentTimings {
  std::string name;       ///< "encoder_model"
  double completeMs = 0;  ///< its last byte was there, verified
  double begunMs = 0;     ///< the making of its session began
  double readyMs = 0;
};

struct LoadTimings {
  double launchMs = 0;   ///< of the browser it is in: decision to launch to page connected
  double fetchMs = 0;    ///< model bytes into the page, verified
  double compileMs = 0;  ///< session creation, which may begin before all bytes are there
  double warmupMs = 0;   ///< the first run: of the golden input, where the catalogue has one
  double totalMs = 0;    ///< the whole call
  std::uint64_t bytesNetwork = 0;  ///< model bytes the page got from the pool
  std::uint64_t bytesCache = 0;    ///< model bytes the browser had kept
  std::uint64_t bytesPeer = 0;     ///< model bytes the page got from other browsers
  /// In the order in which their sessions were made; empty from a page of an earlier version.
  std::vector<ComponentTimings> components{};

  /// The browser had kept all of them.
  bool isCacheHit() const { return bytesCache > 0 && bytesNetwork == 0 && bytesPeer == 0; }
  /// Where they came from: "cache" (all of them), "peer" (most of what was fetched), "origin"; ""
  /// where nothing was loaded.
  std::string_view source() const;
};

struct RunTimings {
  double queueMs = 0;  ///< in the page, waiting for the run before
  double runMs = 0;    ///< in the runtime
  double totalMs = 0;  ///< from the call to the answer
  /// An earlier answer (PoolOptions::answerCache): nothing ran for this call, and only totalMs is
  /// not 0.
  bool cached = false;
};

struct Inference {
  std::vector<Tensor> outputs;
  RunTimings timings;
  RanOn ranOn;
  bool cached = false;           ///< as timings.cached
  std::uint64_t batchItems = 1;  ///< texts, or rows, of all calls that shared the run
  std::string details{};  ///< a JSON object: what the task says beside the outputs; empty for most
};

/// Sentence vectors, one row a text.
struct Embeddings {
  std::vector<std::vector<float>> vectors;
  RunTimings timings;
  RanOn ranOn;
  /// That the model got of each text, with those that the tokenizer puts around it, without
  /// padding; empty from a page of an earlier version, which does not tell.
  std::vector<std::uint64_t> tokens{};
  std::vector<bool> truncated{};  ///< by text: longer than the model reads; empty: none was
};

/// Cosine of two vectors of one length; 0 where one is all zeros.
double cosineSimilarity(std::span<const float> a, std::span<const float> b);

}  // namespace webpool

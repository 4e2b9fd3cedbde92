// A model that is loaded in a browser of the pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "webpool/options.h"
#include "webpool/result.h"
#include "webpool/tensor.h"

namespace webpool {

/// One input or output of a model.
struct TensorSpec {
  std::string name;
  DataType type = DataType::Fp32;
  Shape shape;                       ///< −1 where the dimension is free
  std::vector<std::string> symbols;  ///< as long as shape: the name of a free dimension, or ""
  bool rankKnown = true;             ///< false: the model states no shape at all
};

/// Of a model that generates text.
struct LanguageInfo {
  std::string architecture;          ///< "llama"
  std::string quantisation;          ///< "q4_1"
  std::uint64_t context = 0;         ///< tokens of one conversation that it is loaded for
  std::uint64_t trainedContext = 0;  ///< tokens that it was trained on
  std::uint64_t longestToken = 0;    ///< bytes of text that one token can stand for; 0: not known
  bool chatTemplate = false;         ///< it has one of its own
};

/// What is known of a model without a browser.
struct ModelDescription {
  std::string name;
  std::string task;
  std::string dtype;
  std::string cid;                              ///< root of the model's folder in the content store
  std::uint64_t bytes = 0;                      ///< of the files that this dtype needs
  std::string component;                        ///< the graph that is meant; empty: all together
  std::vector<std::string> components;          ///< all graphs of this dtype
  std::vector<TensorSpec> inputs;               ///< of the graph
  std::vector<TensorSpec> outputs;              ///< of the graph
  std::map<std::string, std::string> metadata;  ///< what the graph's maker put in, by key
  bool usesFp16 = false;
  /// "random" where webpool.json beside the model says that it was never trained; else empty.
  std::string weights;
  std::optional<LanguageInfo> language{};
};

struct ModelInfo {
  std::string name;
  std::string task;
  std::string dtype;
  std::string cid;                              ///< root of the model's folder in the content store
  std::uint64_t bytes = 0;                      ///< of the files loaded
  std::string component;                        ///< the graph that is loaded; empty: all together
  std::vector<std::string> components;          ///< all graphs of this dtype
  std::vector<TensorSpec> inputs;               ///< what run() takes
  std::vector<TensorSpec> outputs;              ///< what run() gives
  std::map<std::string, std::string> metadata;  ///< what the graph's maker put in, by key
  std::string weights;                          ///< as ModelDescription::weights
  std::optional<LanguageInfo> language{};
  /// The dtype that did not fit into the memory budget, where this lower one runs in its place.
  std::string loweredFrom{};
  LoadTimings timings;  ///< zeros for a lazy model
  RanOn ranOn;          ///< where runs will happen; empty for a lazy model, whose answers tell
};

/// A handle: cheap to copy, valid until the pool closes. Every call is thread-safe. The model
/// leaves the browser with its last handle. When the browser died or a running call was cancelled,
/// the next call brings the model back first.
class Model {
 public:
  const ModelInfo& info() const;

  /// Runs once and waits. Inputs are checked by name, type and shape before the browser is asked.
  /// Errors: InvalidInput, WorkerLost (the browser died under it), Timeout, Cancelled, …
  Result<Inference> run(std::vector<Tensor> inputs, const RunOptions& options = {}) const;

  /// The same without waiting; `done` is called once, on a thread of the pool, and must not block.
  void runAsync(std::vector<Tensor> inputs, const RunOptions& options,
                std::function<void(Result<Inference>)> done) const;

  /// Sentence vectors (mean-pooled, normalised). Errors: InvalidArgument for another task.
  Result<Embeddings> embed(std::span<const std::string> texts,
                           const RunOptions& options = {}) const;

  /// A file of the model's folder that is no graph and no weights: "config.json". Blocks for
  /// reading it. NotFound where there is none.
  Result<Bytes> file(std::string_view path) const;

  /// How it came into the first browser that it was loaded in; zeros for a lazy model that was not
  /// run yet.
  LoadTimings loadTimings() const;

  /// Bytes of the files that these graphs of one model need; what several need counts once.
  static std::uint64_t bytesTogether(std::span<const Model> graphs);

  /// Tells the pool's observer of a call that was answered without a run, as of silence.
  void answeredWithoutRun(std::uint64_t items, std::chrono::steady_clock::time_point began) const;

  /// Another graph of the same model (ModelInfo::components): progressive loading. It is described
  /// at once, and loaded when it is first run. Blocks only for reading files. NotFound for a name
  /// that is none.
  Result<Model> component(std::string_view name, std::string_view task = "tensors") const;

  struct State;  // of a model in browsers of this process
  class Runner;  // what is behind a handle
  explicit Model(std::shared_ptr<Runner> runner) : runner_(std::move(runner)) {}

 private:
  std::shared_ptr<Runner> runner_;
};

}  // namespace webpool

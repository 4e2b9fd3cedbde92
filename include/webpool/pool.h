// The pool: browsers of this machine as one place that runs AI models.
//
//   auto pool = webpool::ResourcePool::open({});
//   auto model = (*pool)->load("all-minilm-l6-v2");
//   auto vectors = model->embed(std::vector<std::string>{"a sentence", "another"});
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/model.h"
#include "webpool/options.h"
#include "webpool/result.h"
#include "webpool/stats.h"

namespace webpool {

/// A browser that is installed here.
struct InstalledBrowser {
  std::string name;  ///< engine: "chromium"
  std::string path;
  std::string version;
};

/// A WebNN context that could be created.
struct WebNnContext {
  std::string deviceType;  ///< what was asked for: "cpu", "gpu" or "npu"
  /// What it computes on: "cpu"; "like-cpu" or "unlike-cpu" where its time was measured against the
  /// CPU's; else "unknown". A context of type "gpu" is no proof of a GPU.
  std::string runsOn;
  std::optional<double> matmulMs = {};  ///< product of two 512 x 512 matrices, where measured
};

/// What a connected page measured of its own browser.
struct BrowserCapabilities {
  std::string browser;
  std::string version;
  std::string userAgent;
  bool crossOriginIsolated = false;
  unsigned cores = 0;
  bool coresTrusted = true;  ///< false: this browser tells another number than there is
  std::optional<double> memoryGib;
  bool wasmSimd = false;
  bool wasmThreads = false;
  bool wasmRelaxedSimd = false;
  std::optional<AdapterInfo> webgpu;        ///< nullopt: no adapter answered
  std::vector<std::string> webnn;           ///< device types whose context could be created
  std::vector<WebNnContext> webnnContexts;  ///< the same with what they compute on
  bool opfs = false;                        ///< model files are kept in the browser
  bool workers = false;                     ///< the page can start Workers
};

/// A device that somebody let join.
struct DeviceInfo {
  std::string label;  ///< "joined-1"; never used twice
  std::string peer;   ///< "address:port" that asked to join
  BrowserCapabilities capabilities;
};

/// Something happened to the devices that join.
struct JoinEvent {
  enum class Kind {
    Joined,
    Paused,  ///< by its person: it gets nothing new
    Resumed,
    Serves,   ///< a model's answers were found right there
    Refused,  ///< the model can't be served there
    Left,
    LinkExpired,
  };
  Kind kind = Kind::Joined;
  DeviceInfo device{};           ///< empty for LinkExpired
  std::string model{};           ///< Serves, Refused: its name
  std::string why{};             ///< Refused, Left
  std::optional<RanOn> ranOn{};  ///< Serves
};

/// Thread-safe, but not to be closed from a callback. Closing (or destroying) the pool cancels what
/// is open, ends its browsers and waits until every process of theirs is gone.
class ResourcePool {
 public:
  /// Opens the store, takes a profile slot and listens on loopback. A browser starts with the first
  /// load() or capabilities(), or at once through start(). With PoolOptions::url it asks that
  /// server who it is instead, and the same calls are answered there: Fetch where nobody listens,
  /// Unauthorized for a wrong token, InvalidArgument for what is no `webpool serve`, Unsupported
  /// for one of another version.
  static Result<std::unique_ptr<ResourcePool>> open(PoolOptions options);

  ~ResourcePool();
  ResourcePool(const ResourcePool&) = delete;
  ResourcePool& operator=(const ResourcePool&) = delete;

  /// Begins to launch the first browsers (PoolOptions::minConnections) and returns at once;
  /// failures show in the next call.
  void start();

  /// What a page of that browser measured (empty: the pool's first), which is launched where it
  /// does not run.
  Result<BrowserCapabilities> capabilities(std::string_view browser = {});

  /// A catalogue or repository name, or the path of an .onnx file or of a folder in the Hugging
  /// Face layout. Fetches what is missing, verifies it, loads it and checks that its backend
  /// answers right.
  Result<Model> load(std::string_view model, const ModelOptions& options = {});

  /// What load() would load: fetches and verifies what is missing, reads the model's signature,
  /// asks no browser.
  Result<ModelDescription> describe(std::string_view model, const ModelOptions& options = {});

  /// The files of that model and dtype by path in its folder, weights included, read now.
  Result<std::map<std::string, Bytes>> files(std::string_view model,
                                             const ModelOptions& options = {});

  /// The page's address, without the token: "http://127.0.0.1:8123"; of a server its own.
  std::string origin() const;

  /// What to hand to those whose devices are to join; nullopt without PoolOptions::join.
  std::optional<Invitation> invitation() const;

  /// Every browser that the pool launched, or tried to, and every joined device, with its state.
  std::vector<ConnectionStats> connections() const;

  /// How the numbers of workers changed, and why: the latest, oldest first. Of a server those of
  /// its whole pool.
  std::vector<ScalingEvent> scalingEvents() const;

  /// Of each model that is open, by name; of a server all of its own.
  std::vector<ModelCalls> calls() const;

  /// Ends everything; later calls fail. Idempotent.
  void close();

  class Provider;  // what is behind it

 private:
  explicit ResourcePool(std::shared_ptr<Provider> provider);
  std::shared_ptr<Provider> provider_;
};

}  // namespace webpool

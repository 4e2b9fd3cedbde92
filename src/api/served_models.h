// The models that the serving front answers with, by name: those loaded at the start, and those
// that a request asks for and this machine knows. A stranger's request never makes webpool fetch
// anything that the catalogue or the store does not name.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "webpool/model.h"

namespace webpool::api {

/// Where models come from; each is called on any thread.
struct ModelSupply {
  /// All names that may be loaded; those that were asked for at the start first.
  std::function<std::vector<std::string>()> names;
  /// Blocks; stops soon after the token asks for it.
  std::function<Result<Model>(const std::string& name, std::stop_token stop)> load;
  /// The task of a model that is not loaded, as in docs/protocol.md; empty: not known.
  std::function<std::string(const std::string& name)> task = {};
  /// Whether a name may be loaded that names() does not list; null: none but those.
  std::function<bool(const std::string& name)> knows{};
};

struct ServedModel {
  enum class State { Unloaded, Loading, Ready, Failed };
  std::string name;
  State state = State::Unloaded;
  std::string reason{};          ///< why it failed
  std::optional<Model> model{};  ///< while Ready
};

/// "LOADING", "READY", "UNAVAILABLE" (also one that may be loaded): the words of the model
/// repository extension.
std::string_view stateName(ServedModel::State state) noexcept;

/// Thread-safe. Destroying it stops the loads that run, waits for them, and fails who waits.
class ServedModels {
 public:
  using Done = std::function<void(Result<Model>)>;

  /// `onDemand`: a request for a model that is not loaded loads it.
  ServedModels(ModelSupply supply, bool onDemand);
  ~ServedModels();
  ServedModels(const ServedModels&) = delete;
  ServedModels& operator=(const ServedModels&) = delete;

  /// A model that was loaded elsewhere.
  void add(const std::string& name, Model model);
  /// It is being loaded elsewhere, and add() or failed() follows: requests wait for it.
  void expect(const std::string& name);
  void failed(const std::string& name, const Error& error);

  /// The model, loaded first where that is allowed. `done` is called once, at once or on another
  /// thread. NotFound for an unknown name; Busy when too many loads run or wait.
  void get(const std::string& name, Done done);
  /// The same, whatever `onDemand` says: the caller asked for it by name.
  void load(const std::string& name, Done done);
  /// Forgets it; its memory is free once its last request is answered. NotFound if not loaded.
  Result<void> unload(const std::string& name);

  /// NotFound for a name that is none; state and model without loading anything.
  Result<ServedModel> find(const std::string& name) const;
  std::vector<ServedModel> list() const;
  /// The name of a model for that task: one that is loaded, else one that is being loaded, else one
  /// that may be. nullopt for none.
  std::optional<std::string> forTask(std::string_view task) const;
  /// One is loaded, or none was to be.
  bool ready() const;
  /// Requests that wait for their model to be loaded, by its name; of each that is being loaded.
  /// And those that wait before it (waitBefore()).
  std::map<std::string, std::size_t> waiting() const;
  /// A request that is kept back before the model has it: counted for as long as what this returns
  /// lives, which may be longer than this object does.
  std::shared_ptr<void> waitBefore(const std::string& name);
  /// Successful loads on request since the start.
  std::uint64_t loads() const;

 private:
  struct Entry {
    ServedModel served;
    std::vector<Done> waiting;
  };
  struct Kept;
  void begin(const std::string& name, Done done, bool allowed);
  void finish(const std::string& name, Result<Model> result);
  bool isKnown(const std::string& name) const;

  const ModelSupply supply_;
  const bool onDemand_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::stop_source stop_;
  unsigned loading_ = 0;
  std::uint64_t loads_ = 0;
  std::map<std::string, std::jthread> threads_;  ///< the latest load of each name
  const std::shared_ptr<Kept> kept_;
};

}  // namespace webpool::api

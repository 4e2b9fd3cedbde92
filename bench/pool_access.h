// The pool as its own engine sees it, so that one model can be asked both ways: through the public
// API, and in a loop inside the page.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "pool/engine.h"
#include "pool/model_state.h"
#include "webpool/model.h"

namespace webpool::bench {

/// A pool with its browsers, and one WASM thread a model. Closes the pool.
class OpenPool {
 public:
  /// `options`: beside one WASM thread.
  explicit OpenPool(PoolOptions options = {});
  ~OpenPool();

  pool::Engine& engine() { return *engine_; }
  std::shared_ptr<pool::Engine> share() { return engine_; }

  /// To the page and back.
  Result<std::vector<Tensor>> echo(std::vector<Tensor> tensors) {
    return engine_->echo(connection_, std::move(tensors), {});
  }

 private:
  std::shared_ptr<pool::Engine> engine_;
  pool::ConnectionRef connection_;
};

/// A model on WASM in the page of an OpenPool.
class OpenModel {
 public:
  /// `parameters`: what the public API would send with each run. `task`: empty for what the store
  /// knows of the model.
  OpenModel(OpenPool& pool, const std::string& name, const std::string& dtype,
            boost::json::object parameters = {}, const std::string& task = {});

  /// The public handle.
  const Model& model() const { return model_; }

  /// Runs `count` times inside the page; milliseconds of a run.
  double loopInPage(const std::vector<Tensor>& inputs, unsigned count);
  /// The same in the first or the second browser that has the model, by their labels.
  double loopInPage(const std::vector<Tensor>& inputs, unsigned count, std::size_t browser);

  /// Runs through the public API, one at a time.
  std::vector<RunTimings> runOneByOne(const std::vector<Tensor>& inputs, unsigned count);

  /// Runs through the public API, two in flight; milliseconds of all together.
  double runTwoInFlight(const std::vector<Tensor>& inputs, unsigned count);

  /// Each of the calls once, so many in flight; milliseconds of all together. `shared`: they may
  /// share runs (RunOptions::shared).
  double runAll(const std::vector<std::vector<Tensor>>& calls, unsigned inFlight, bool shared);

  /// Browsers in which it may serve.
  std::size_t workers() const;

  /// Until V8 has its best code for the model and for the way to it.
  void warmUp(const std::vector<Tensor>& inputs, unsigned count);

  /// The catalogue's inputs with a known answer.
  std::vector<Tensor> goldenInputs() const;

 private:
  double loopOn(const std::shared_ptr<pool::Loaded>& worker, const std::vector<Tensor>& inputs,
                unsigned count);

  OpenPool& pool_;
  boost::json::object parameters_;
  std::shared_ptr<Model::State> state_;
  Model model_;
};

/// One part of each call, in milliseconds.
std::vector<double> valuesOf(const std::vector<RunTimings>& calls, double RunTimings::* part);

/// The input of a text-embedding model.
Tensor textTensor(const std::string& sentence);

}  // namespace webpool::bench

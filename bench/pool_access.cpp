#include "pool_access.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "failure.h"
#include "pool/local_pool.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

std::shared_ptr<Model::State> load(OpenPool& pool, const std::string& name,
                                   const std::string& dtype, const std::string& task) {
  ModelOptions options;
  options.task = task;
  options.backend = Backend::Wasm;
  options.dtype = dtype;
  auto source = valueOf(pool.engine().resolve(name, options));
  auto state = std::make_shared<Model::State>(
      pool.share(), std::make_shared<const pool::ResolvedModel>(std::move(source)), options);
  valueOf(state->open());
  return state;
}

}  // namespace

OpenPool::OpenPool(PoolOptions options) {
  options.wasmThreads = 1;
  engine_ = valueOf(pool::Engine::open(std::move(options)));
  connection_ = valueOf(engine_->connect({}, {})).connection;
}

OpenPool::~OpenPool() {
  engine_->close();
}

OpenModel::OpenModel(OpenPool& pool, const std::string& name, const std::string& dtype,
                     boost::json::object parameters, const std::string& task)
    : pool_(pool),
      parameters_(std::move(parameters)),
      state_(load(pool, name, dtype, task)),
      model_(pool::handleOf(state_)) {}

double OpenModel::loopOn(const std::shared_ptr<pool::Loaded>& worker,
                         const std::vector<Tensor>& inputs, unsigned count) {
  auto parameters = parameters_;
  parameters["repeat"] = count;
  const auto result =
      valueOf(pool_.engine().runAndWait(worker, inputs, std::move(parameters), RunOptions{}));
  return result.timings.runMs / count;
}

double OpenModel::loopInPage(const std::vector<Tensor>& inputs, unsigned count) {
  return loopOn(state_->serving({})->worker(), inputs, count);
}

double OpenModel::loopInPage(const std::vector<Tensor>& inputs, unsigned count,
                             std::size_t browser) {
  const auto one = state_->serving({})->worker();
  const auto other = state_->serving({one->incarnation});
  if (!other) throw BenchFailure("only one browser has the model");
  std::array both{one, other->worker()};
  std::ranges::sort(both, {}, [](const auto& worker) { return worker->connection->label(); });
  return loopOn(both.at(browser), inputs, count);
}

std::vector<RunTimings> OpenModel::runOneByOne(const std::vector<Tensor>& inputs, unsigned count) {
  std::vector<RunTimings> calls;
  for (unsigned i = 0; i < count; ++i) {
    const Stopwatch watch;
    calls.push_back(valueOf(model_.run(inputs)).timings);
    calls.back().totalMs = watch.milliseconds();
  }
  return calls;
}

std::vector<double> valuesOf(const std::vector<RunTimings>& calls, double RunTimings::* part) {
  std::vector<double> values;
  for (const auto& call : calls) values.push_back(call.*part);
  return values;
}

double OpenModel::runTwoInFlight(const std::vector<Tensor>& inputs, unsigned count) {
  constexpr unsigned kInFlight = 2;
  return runAll(std::vector(count, inputs), kInFlight, false);
}

double OpenModel::runAll(const std::vector<std::vector<Tensor>>& calls, unsigned inFlight,
                         bool shared) {
  std::mutex mutex;
  std::condition_variable changed;
  unsigned open = 0;
  std::optional<Error> failed;
  RunOptions options;
  options.shared = shared;
  const Stopwatch watch;
  for (const auto& inputs : calls) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return open < inFlight; });
      ++open;
    }
    model_.runAsync(inputs, options, [&](const Result<Inference>& result) {
      const std::lock_guard lock(mutex);
      --open;
      if (!result && !failed) failed = result.error();
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return open == 0; });
  if (failed) throw BenchFailure(failed->describe());
  return watch.milliseconds();
}

std::size_t OpenModel::workers() const {
  return state_->servingWorkers();
}

void OpenModel::warmUp(const std::vector<Tensor>& inputs, unsigned count) {
  loopInPage(inputs, count);
  runOneByOne(inputs, count);
  runTwoInFlight(inputs, count);
}

std::vector<Tensor> OpenModel::goldenInputs() const {
  return state_->source->golden.at(0).inputs;
}

Tensor textTensor(const std::string& sentence) {
  const auto length = static_cast<std::uint32_t>(sentence.size());
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += sentence;
  return {"text", DataType::Bytes, {1}, Bytes::adopt(std::move(bytes))};
}

}  // namespace webpool::bench

#include "pool/model_state.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/observe.h"
#include "pool/task.h"

namespace webpool {
using pool::millisecondsSince;

Model::State::State(std::shared_ptr<pool::Engine> owner,
                    std::shared_ptr<const pool::ResolvedModel> model, ModelOptions chosen)
    : engine(std::move(owner)),
      source(std::move(model)),
      options(std::move(chosen)),
      rules_(source->description, pool::taskOf(source->description.task)),
      answers_(engine->options().answerCache),
      queue_({.capacity = engine->options().queueCapacity}) {}

Model::State::~State() {
  if (shared_) engine->unshare(source);
}

Result<void> Model::State::open(std::vector<SourceRef> untried) {
  if (mayJoin()) {
    if (auto shared = engine->share(source); !shared) return shared;
    shared_ = true;
    engine->watchDevices(weak_from_this());
  }
  const auto& description = source->description;
  info.name = description.name;
  info.task = description.task;
  info.dtype = description.dtype;
  info.cid = description.cid;
  info.bytes = description.bytes;
  info.component = description.component;
  info.components = description.components;
  info.language = description.language;
  info.metadata = description.metadata;
  info.weights = description.weights;
  const auto& task = pool::taskOf(description.task);
  info.inputs = task.isRaw() ? description.inputs : task.inputs;
  info.outputs = task.isRaw() ? description.outputs : task.outputs;
  engine->count(weak_from_this());
  untried_ = std::move(untried);
  tryOthersLater();
  if (options.lazy) {
    scaleLater();  // it has no worker yet, and may have too few as soon as it is called
    return {};
  }
  const auto replica =
      provide({}, options.progress, options.stop, base::SystemClock().now() + options.timeout);
  if (!replica) return std::unexpected(replica.error());
  info.timings = (*replica)->timings();
  info.ranOn = (*replica)->ranOn();
  for (const auto& device : engine->devices()) deviceCame(device);
  provideSpares();
  scaleLater();
  return {};
}

void Model::State::run(std::vector<Tensor> inputs, boost::json::object parameters,
                       const RunOptions& runOptions, std::function<void(Result<Inference>)> done) {
  const auto began = base::SystemClock().now();
  auto key = rules_.answerKey(inputs, parameters, runOptions);
  if (answers_.isOn()) {
    std::unique_lock lock(mutex_);
    if (auto known = answers_.find(key)) {
      lock.unlock();
      return reply(std::move(done), began, inputs, nullptr, std::move(*known));
    }
  }
  auto caller = std::make_shared<pool::Caller>();
  caller->options = runOptions;
  caller->began = began;
  caller->done = std::move(done);
  auto admitted = admit(caller, std::move(key), std::move(inputs), std::move(parameters));
  if (!admitted) {
    std::exchange(caller->done, nullptr)(std::unexpected(admitted.error()));
    return;
  }
  watchDeadlines();
  pump();
}

ModelCalls Model::State::calls() const {
  ModelCalls all{.model = info.name};
  const std::lock_guard lock(mutex_);
  all.hedged = hedgedRuns_;
  for (const auto& [id, work] : works_) {
    (work->in ? all.running : all.waiting) += work->callers.size();
  }
  return all;
}

Result<void> Model::State::canBeInTime(const pool::Caller& caller, const pool::BatchShare& share) {
  constexpr auto kNeverLate = std::chrono::minutes(10);
  const auto& asked = caller.options;
  if (asked.timeout >= kNeverLate) return {};
  const unsigned most = rules_.joins() && joins_ ? std::max(1u, engine->options().maxBatch) : 1;
  const auto candidates = [&](double items) {
    std::vector<pool::Candidate> all;
    for (const auto& place : places({}, {.items = items, .length = double(share.bytes)})) {
      all.push_back(place.candidate);
    }
    return all;
  };
  const auto ahead = queue_.itemsBefore(asked.priority, asked.caller);
  const auto full = candidates(most);
  const auto own = candidates(double(share.items));
  const auto earliest = pool::earliestAnswer(full, own, ahead, most);
  if (!earliest || *earliest <= asked.timeout) return {};
  const auto inMs = [](base::Duration time) {
    return std::chrono::ceil<std::chrono::milliseconds>(time);
  };
  // Where it would be late with nobody before it, to try again would change nothing.
  const auto alone = *pool::earliestAnswer(full, own, 0, most);
  if (alone > asked.timeout) {
    if (ahead == 0 && slowness_.letsRun()) return {};
    return fail(ErrorCategory::Timeout,
                fmt::format("its deadline can't be met: an answer takes some {}", inMs(alone)),
                "allow more time");
  }
  Error busy{ErrorCategory::Busy,
             fmt::format("its deadline can't be met: with {} waiting before it an answer takes {} "
                         "at least",
                         ahead, inMs(*earliest)),
             "allow more time, or try again when less is waiting"};
  busy.retryAfter = inMs(*earliest - asked.timeout);
  return std::unexpected(std::move(busy));
}

Result<void> Model::State::admit(const CallerRef& caller, std::string key,
                                 std::vector<Tensor> inputs, boost::json::object parameters) {
  const auto& asked = caller->options;
  const auto share = rules_.shareOf(inputs, parameters, asked);
  const std::lock_guard lock(mutex_);
  askedAt_ = caller->began;
  trialStop_.request_stop();
  caller->id = nextCaller_++;
  WorkRef work;
  if (const auto equal = equals_.find(key); !key.empty() && equal != equals_.end()) {
    work = works_.at(equal->second);
    auto& queued = work->queued;
    queue_.join(queued.id, asked.priority, asked.caller);
    queued.priority = std::min(queued.priority, asked.priority);
  } else {
    work = std::make_shared<pool::Work>();
    work->queued = {.id = nextJob_,
                    .priority = asked.priority,
                    .caller = asked.caller,
                    .kind = joins_ ? share.kind : 0,
                    .items = share.items,
                    .length = share.length};
    auto queued = canBeInTime(*caller, share);
    if (queued) queued = queue_.admit(work->queued, caller->began);
    if (!queued) {
      refused(inputs, caller->began, queued.error());
      return queued;
    }
    ++nextJob_;
    work->inputs = std::move(inputs);
    work->parameters = std::move(parameters);
    work->conversation = asked.conversation;
    work->maxBatch = asked.maxBatch;
    work->length = share.bytes;
    work->began = caller->began;
    work->key = std::move(key);
    retry_.admitted(work->queued.id);
    works_.emplace(work->queued.id, work);
    if (!work->key.empty()) equals_.emplace(work->key, work->queued.id);
  }
  work->callers.push_back(caller);
  const auto id = work->queued.id;
  deadlines_.emplace(caller->deadline(), std::pair(id, caller->id));
  if (!asked.stop.stop_possible()) return {};
  // What it does takes no lock: it may run at once.
  caller->stop.emplace(asked.stop, [weak = weak_from_this(), id, number = caller->id] {
    const auto self = weak.lock();
    if (!self) return;
    self->engine->post([weak, id, number] {
      if (const auto there = weak.lock()) {
        there->leave(id, number, {ErrorCategory::Cancelled, "the call was cancelled", ""});
      }
    });
  });
  return {};
}

Model::State::CallerRef Model::State::detach(pool::Work& work, std::uint64_t caller) {
  const auto found = std::ranges::find(work.callers, caller, &pool::Caller::id);
  if (found == work.callers.end()) return nullptr;
  auto detached = *found;
  work.callers.erase(found);
  const auto [begin, end] = deadlines_.equal_range(detached->deadline());
  const auto entry = std::find_if(
      begin, end, [&](const auto& watched) { return watched.second.second == caller; });
  if (entry != end) deadlines_.erase(entry);
  return detached;
}

void Model::State::leave(sched::JobId id, std::uint64_t number, const Error& error) {
  CallerRef caller;
  WorkRef work;
  BatchRef unwanted;
  {
    const std::lock_guard lock(mutex_);
    const auto found = works_.find(id);
    if (found == works_.end()) return;
    work = found->second;
    // Its reply comes when the browser has told how the run ended.
    const bool ownRun = endsRuns() && work->in && work->in->isOfOneCaller();
    if (ownRun) {
      unwanted = work->in;
    } else {
      caller = detach(*work, number);
      if (caller && work->callers.empty()) {
        if (work->in) {
          if (!work->in->isWanted()) unwanted = work->in;
        } else {
          queue_.withdraw(id);
          (void)retry_.withdrawn(id);
          forget(work);
          // Who was late will call again: the model that it lacked goes on coming.
          const bool left = error.category == ErrorCategory::Cancelled;
          if (left && bringing_ && !homeless()) bringingStop_.request_stop();
        }
      }
    }
  }
  if (unwanted) drop(unwanted);
  if (caller) replyTo(caller, *work, std::unexpected(error));
}

/// Where ending a run that has begun costs its worker the model, it goes on for as long as bringing
/// the model back would take: so it costs at most twice what the better of both would have.
void Model::State::drop(const BatchRef& batch) {
  if (endsRuns()) {
    batch->stop.request_stop();
    return;
  }
  batch->unwanted.request_stop();
  engine->postAt(base::SystemClock().now() + batch->replica->reloadTime(),
                 [weak = weak_from_this(), going = std::weak_ptr(batch)] {
                   const auto self = weak.lock();
                   const auto there = going.lock();
                   if (!self || !there) return;
                   {
                     const std::lock_guard lock(self->mutex_);
                     if (there->over || there->isWanted()) return;
                   }
                   there->stop.request_stop();
                 });
}

void Model::State::forget(const WorkRef& work) {
  works_.erase(work->queued.id);
  const auto shared = equals_.find(work->key);
  if (shared != equals_.end() && shared->second == work->queued.id) equals_.erase(shared);
}

void Model::State::watchDeadlines() {
  base::TimePoint next;
  {
    const std::lock_guard lock(mutex_);
    if (deadlines_.empty()) return;
    next = deadlines_.begin()->first;
    if (watchedUntil_ && *watchedUntil_ <= next) return;
    watchedUntil_ = next;
  }
  engine->postAt(next, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->sweepDeadlines();
  });
}

/// A run that has one caller, and can be ended without a loss, keeps that caller's deadline itself
/// (Engine::run()).
void Model::State::sweepDeadlines() {
  const auto now = base::SystemClock().now();
  std::vector<std::pair<sched::JobId, std::uint64_t>> late;
  {
    const std::lock_guard lock(mutex_);
    watchedUntil_.reset();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
      const auto [id, caller] = deadlines_.begin()->second;
      deadlines_.erase(deadlines_.begin());
      const auto work = works_.find(id);
      const bool ownRun = endsRuns() && work != works_.end() && work->second->in &&
                          work->second->in->isOfOneCaller();
      if (!ownRun) late.emplace_back(id, caller);
    }
  }
  for (const auto& [id, caller] : late) {
    leave(id, caller,
          {ErrorCategory::Timeout, "the run was not done by its deadline",
           "allow more time, or give it less work"});
  }
  watchDeadlines();
}

void Model::State::reply(const WorkRef& work, const Result<Inference>& result) {
  std::vector<CallerRef> callers;
  {
    const std::lock_guard lock(mutex_);
    if (result && answers_.isOn()) answers_.keep(work->key, *result);
    while (!work->callers.empty()) callers.push_back(detach(*work, work->callers.front()->id));
    work->in = nullptr;
    forget(work);
  }
  for (const auto& caller : callers) replyTo(caller, *work, result);
}

void Model::State::replyTo(const CallerRef& caller, const pool::Work& work,
                           Result<Inference> result) {
  caller->stop.reset();
  reply(std::exchange(caller->done, nullptr), caller->began, work.inputs, &work, std::move(result));
}

void Model::State::reply(std::function<void(Result<Inference>)> done, base::TimePoint began,
                         std::span<const Tensor> inputs, const pool::Work* work,
                         Result<Inference> result) {
  const auto totalMs = millisecondsSince(began);
  if (result) result->timings.totalMs = totalMs;
  auto* const observer = engine->observer();
  if (observer == nullptr) return done(std::move(result));
  RecordedRun row;
  row.timings.totalMs = totalMs;
  if (result) {
    row.timings = result->timings;
    row.waitMs = std::max(0.0, totalMs - result->timings.queueMs - result->timings.runMs);
  } else {
    row.error = result.error();
  }
  // First: the caller does not wait for the rest.
  std::exchange(done, nullptr)(std::move(result));
  row.startedAt = pool::wallTime(began);
  row.model = pool::recordedModel(source->description);
  row.items = pool::itemsOf(info.inputs, inputs);
  if (work != nullptr) {
    row.tries = work->tries;
    row.runItems = work->runItems;
    if (work->predicted) {
      row.predictedMs = std::chrono::duration<double, std::milli>(*work->predicted).count();
    }
    if (const auto& replica = work->sentTo) {
      row.load = replica->loadNumber();
      row.ranOn = replica->ranOn();
      row.memory = replica->worker()->connection->memory();
    }
  }
  observer->ran(std::move(row));
}

RecordedRun Model::State::unsentRun(std::uint64_t items, base::TimePoint began) const {
  RecordedRun row;
  row.startedAt = pool::wallTime(began);
  row.model = pool::recordedModel(source->description);
  row.items = items;
  row.timings.totalMs = millisecondsSince(began);
  return row;
}

void Model::State::refused(std::span<const Tensor> inputs, base::TimePoint began,
                           const Error& error) const {
  auto* const observer = engine->observer();
  if (observer == nullptr) return;
  auto row = unsentRun(pool::itemsOf(info.inputs, inputs), began);
  row.error = error;
  observer->ran(std::move(row));
}

void Model::State::neededNoRun(std::uint64_t items, base::TimePoint began) const {
  if (auto* const observer = engine->observer()) observer->ran(unsentRun(items, began));
}

LoadTimings Model::State::loadTimings() const {
  const std::lock_guard lock(mutex_);
  return replicas_.empty() ? LoadTimings{} : replicas_.front()->timings();
}

}  // namespace webpool

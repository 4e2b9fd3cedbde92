// How the calls that wait for a model become runs: which worker is free, what goes to it together,
// and what becomes of it when that run ends.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "pool/batch_tensors.h"
#include "pool/convert.h"
#include "pool/model_state.h"
#include "pool/observe.h"
#include "sched/blame.h"
#include "sched/queue_share.h"

namespace webpool {
namespace {

/// One runs, and the next lies ready in the page.
constexpr unsigned kInFlight = 2;

/// Until answers have told: bytes of text that are a token, which is few for most languages.
constexpr double kBytesPerToken = 4;
constexpr double kEnoughTokens = 200;

bool contains(const std::vector<std::uint64_t>& ids, std::uint64_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

/// Of several calls one may be the cause: its input, or the runtime that could not take it.
bool mayBeOfOne(ErrorCategory category) {
  return category != ErrorCategory::Timeout &&
         (!sched::blamesWorker(category) || sched::isDoubtful(category));
}

}  // namespace

std::optional<base::Duration> Model::State::expected(const pool::Replica& replica,
                                                     const sched::RunSize& size, bool guess) const {
  const auto known = engine->runTimes().predict(replica.runKey(), info.task, size);
  const bool good =
      known.basis == sched::Basis::OwnRuns || (guess && known.basis == sched::Basis::Neighbour);
  if (!good) return std::nullopt;
  return std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double, std::milli>(known.ms));
}

std::vector<Model::State::Place> Model::State::places(const std::string& conversation,
                                                      const sched::RunSize& size) const {
  std::vector<Place> all;
  const auto before = conversations_.find(conversation);
  const auto now = base::SystemClock().now();
  for (const auto& replica : replicas_) {
    const auto& worker = *replica->worker();
    if (!replica->isServing() || !worker.connection->accepting() || replica->obstacle()) continue;
    const auto speed = replica->speed();
    auto latency = expected(*replica, size, !speed.latency);
    if (!latency) latency = speed.latency;
    std::optional<base::Duration> ahead;
    if (latency && replica->backlog.size() == replica->openRuns) {
      ahead = replica->backlog.remaining(now);
    }
    all.push_back({replica,
                   {.openRuns = replica->openRuns,
                    .latency = latency,
                    .ahead = ahead,
                    .score = speed.score,
                    .trust = worker.connection->trust(),
                    .runs = replica->runs(),
                    .servedBefore = before != 0 && before == worker.incarnation}});
  }
  return all;
}

std::shared_ptr<pool::Replica> Model::State::serving(
    const std::vector<std::uint64_t>& avoid) const {
  const std::lock_guard lock(mutex_);
  auto able = places({}, {});
  std::erase_if(able, [&](const Place& place) {
    return contains(avoid, place.replica->worker()->incarnation);
  });
  std::vector<pool::Candidate> candidates;
  for (const auto& place : able) candidates.push_back(place.candidate);
  const auto chosen = pool::chooseReplica(candidates);
  return chosen ? able[*chosen].replica : nullptr;
}

std::size_t Model::State::servingWorkers() const {
  const std::lock_guard lock(mutex_);
  return places({}, {}).size();
}

bool Model::State::mayGoTo(sched::JobId work, const pool::Replica& replica) const {
  return !contains(works_.at(work)->avoid, replica.worker()->incarnation);
}

void Model::State::pump() {
  while (true) {
    BatchRef batch;
    WorkRef lost;
    {
      const std::lock_guard lock(mutex_);
      batch = takeBatch();
      if (!batch && !bringing_) lost = homeless();
      if (lost) {
        bringing_ = true;
        bringingStop_ = {};
      }
    }
    if (lost) bringModel(lost);
    if (!batch) return;
    send(batch);
  }
}

/// What waits goes to the worker that is expected to answer first, counting what is ahead of it
/// there; where that one is busy it waits, and may go together with what comes until then.
Model::State::BatchRef Model::State::takeBatch() {
  if (queue_.empty()) return nullptr;
  const auto now = base::SystemClock().now();
  const bool anyFree = std::ranges::any_of(
      replicas_, [](const auto& replica) { return replica->openRuns < kInFlight; });
  if (!anyFree) return nullptr;
  const auto any = places({}, {});
  const auto head = queue_.next(now, [&](sched::JobId id) {
    return std::ranges::any_of(any,
                               [&](const Place& place) { return mayGoTo(id, *place.replica); });
  });
  if (!head) return nullptr;
  const auto& first = *works_.at(*head);
  const unsigned most = mostItems(first);
  auto items = first.queued.items;
  if (first.queued.kind != 0)
    items = std::max(items, std::min<std::uint64_t>(most, queue_.items()));
  const sched::RunSize size{.items = double(items), .length = double(first.length)};
  auto able = places(first.conversation, size);
  std::erase_if(able, [&](const Place& place) { return !mayGoTo(*head, *place.replica); });
  const auto replica = chooseFor(first, able, most, now);
  if (!replica || replica->openRuns >= kInFlight) return nullptr;
  if (const auto until = waitsForOthers(first, now)) {
    if (!pumpsAt_ || *until < *pumpsAt_) {
      pumpsAt_ = until;
      engine->postAt(*until, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->pump();
      });
    }
    return nullptr;
  }
  pumpsAt_.reset();
  const sched::BatchLimits limits{.items = shareOfWaiting(first, able, *replica, most),
                                  .length = mostBytes(first, *replica),
                                  .padding = worthwhilePadding(*replica)};
  const auto taken = queue_.takeBatch(
      now, limits, [&](sched::JobId id) { return id == *head || mayGoTo(id, *replica); });
  takenAlone_ = taken.size() > 1 ? 0 : takenAlone_ + 1;
  return makeBatch(taken, replica);
}

/// In bytes. Where 32 calls in a row ran alone, others go with the next as if nothing were known:
/// else nothing would tell what a run costs in itself.
std::optional<double> Model::State::worthwhilePadding(const pool::Replica& replica) const {
  constexpr unsigned kTryAfter = 32;
  if (!rules_.takesTexts() || takenAlone_ >= kTryAfter) return std::nullopt;
  return engine->runTimes().worthOfARun(replica.runKey(), info.task);
}

/// Where less waits than fills a batch for each worker, none takes what another would do sooner.
std::uint64_t Model::State::shareOfWaiting(const pool::Work& first, const std::vector<Place>& able,
                                           const pool::Replica& chosen, unsigned most) const {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  const auto waiting = queue_.items();
  const bool scarce = waiting > 1 && waiting < std::uint64_t{most} * able.size();
  if (first.queued.kind == 0 || able.size() < 2 || !scarce) return most;
  std::vector<sched::SharingWorker> workers;
  std::optional<std::size_t> which;
  for (const auto& [replica, candidate] : able) {
    const auto one = expected(*replica, {.items = 1, .length = double(first.length)}, true);
    const auto all =
        expected(*replica, {.items = double(waiting), .length = double(first.length)}, true);
    if (!candidate.ahead || !one || !all) continue;
    const auto each = Milliseconds(*all - *one) / double(waiting - 1);
    if (replica.get() == &chosen) which = workers.size();
    workers.push_back({.ahead = Milliseconds(*candidate.ahead).count(),
                       .perRun = std::max(0.0, (Milliseconds(*one) - each).count()),
                       .perItem = each.count()});
  }
  return which ? std::min<std::uint64_t>(most, sched::shareOfQueue(workers, *which, waiting))
               : most;
}

/// Of all texts of a run with their padding: what was asked for, and no more than is good there.
std::uint64_t Model::State::mostBytes(const pool::Work& first, pool::Replica& replica) const {
  const bool told = textTokens_ >= kEnoughTokens;
  const double asked =
      engine->options().maxBatchTokens * (told ? textBytes_ / textTokens_ : kBytesPerToken);
  const bool shares = rules_.takesTexts() && first.queued.kind != 0;
  if (!shares) return static_cast<std::uint64_t>(asked);
  constexpr double kBoundless = 1e12;
  return static_cast<std::uint64_t>(replica.batchBound.next(asked > 0 ? asked : kBoundless));
}

/// To the busy ones all that waits is a queue, of which this is the end: so a slower worker helps
/// as soon as it is done before the faster ones have come to it.
std::shared_ptr<pool::Replica> Model::State::chooseFor(const pool::Work& first,
                                                       const std::vector<Place>& able,
                                                       unsigned most, base::TimePoint now) {
  const auto waiting = static_cast<unsigned>((queue_.items() - 1) / most);
  std::vector<pool::Candidate> candidates;
  for (const auto& place : able) {
    auto& candidate = candidates.emplace_back(place.candidate);
    if (candidate.openRuns < kInFlight) continue;
    candidate.openRuns += waiting;
    if (candidate.ahead && candidate.latency) *candidate.ahead += waiting * *candidate.latency;
  }
  const auto chosen = pool::chooseReplica(candidates);
  if (!chosen) return nullptr;
  // A few calls try a worker of which little is known, where nobody waits for them.
  std::vector<sched::EngineChance> chances;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < able.size(); ++i) {
    const auto& candidate = candidates[i];
    if (!candidate.latency || (i != *chosen && candidate.openRuns > 0)) continue;
    const auto& replica = *able[i].replica;
    const auto known = engine->runTimes().predict(replica.runKey(), info.task, {});
    chances.push_back(
        {.expected =
             candidate.ahead.value_or(candidate.openRuns * *candidate.latency) + *candidate.latency,
         .sigma = {},
         .observations = known.observations,
         .unusedFor = now - std::max(replica.backlog.usedAt(), openedAt_)});
    which.push_back(i);
  }
  const sched::ExplorationCall call{.priority = first.queued.priority,
                                    .allowed = first.deadline() - now};
  const auto tried = chances.size() > 1 && first.conversation.empty()
                         ? exploration_.choose(call, chances)
                         : std::nullopt;
  return able[tried ? which[*tried] : *chosen].replica;
}

unsigned Model::State::mostItems(const pool::Work& work) const {
  const unsigned most = std::max(1u, engine->options().maxBatch);
  return work.maxBatch > 0 ? std::min(most, work.maxBatch) : most;
}

std::optional<base::TimePoint> Model::State::waitsForOthers(const pool::Work& head,
                                                            base::TimePoint now) const {
  const auto delay = engine->options().maxQueueDelay;
  const bool alone = head.queued.kind == 0 || head.tries > 0;
  if (delay.count() <= 0 || alone || queue_.items() >= mostItems(head)) return std::nullopt;
  const auto until = head.began + delay;
  return until > now ? std::optional(until) : std::nullopt;
}

void Model::State::learn(const pool::Batch& batch, pool::Replica& replica,
                         pool::Backlog::Id inBacklog, const pool::RunOutcome& outcome) {
  const auto now = base::SystemClock().now();
  {
    const std::lock_guard lock(mutex_);
    replica.backlog.remove(inBacklog, now);
    // The first one of two that was dropped: leaving it out would hide what is slow.
    const bool lost = batch.over && batch.second && &replica == batch.replica.get();
    const bool isSecond = batch.second && &replica == batch.second->replica.get();
    const auto sentAt = isSecond ? batch.second->sentAt : batch.sentAt;
    const auto expected = isSecond ? batch.second->expected : batch.expected;
    if (outcome.result || lost) hedging_.ended(replica.worker()->id, expected, now - sentAt);
  }
  const bool warm = replica.runs() > pool::RunTimes::kWarmUpRuns;
  if (!outcome.result || !warm || batch.works.empty()) return;
  const std::chrono::duration<double, std::milli> took(outcome.took);
  if (rules_.takesTexts()) {
    const std::lock_guard lock(mutex_);
    replica.batchBound.observe(batch.size.items * batch.size.length, took.count());
  }
  const auto drift =
      engine->runTimes().observe(replica.runKey(), info.task, batch.size, took.count());
  if (drift) {
    engine->log().info("{} on {}: {}", info.name, replica.worker()->connection->label(),
                       sched::describe(*drift));
  }
}

void Model::State::learnTokens(const pool::Batch& batch, const wire::RunResult& result) {
  if (!rules_.takesTexts()) return;
  const auto* counts = result.details.if_contains("tokens");
  if (counts == nullptr || !counts->is_array()) return;
  double tokens = 0;
  for (const auto& count : counts->get_array()) {
    if (count.is_number()) tokens += count.to_number<double>();
  }
  double bytes = 0;
  for (const auto& work : batch.works) {
    for (const auto& input : work->inputs) {
      bytes += double(input.data.size()) - 4 * double(work->queued.items);
    }
  }
  if (!(tokens > 0) || !(bytes > 0)) return;
  const std::lock_guard lock(mutex_);
  textBytes_ += bytes;
  textTokens_ += tokens;
  constexpr double kRemembered = 100'000;  // tokens, so that it follows what texts become
  if (textTokens_ < kRemembered) return;
  textBytes_ /= 2;
  textTokens_ /= 2;
}

Model::State::BatchRef Model::State::makeBatch(const std::vector<sched::JobId>& taken,
                                               const std::shared_ptr<pool::Replica>& replica) {
  auto batch = std::make_shared<pool::Batch>();
  batch->replica = replica;
  batch->incarnation = replica->worker()->incarnation;
  for (const auto id : taken) {
    auto work = works_.at(id);
    if (!retry_.placed(id, batch->incarnation)) continue;
    ++work->tries;
    work->sentTo = replica;
    work->in = batch;
    batch->works.push_back(std::move(work));
  }
  batch->ticket = replica->runBegan();
  batch->size = batch->runSize();
  if (!untried_.empty() && batch->works.size() == 1) {
    const auto& work = *batch->works.front();
    sample_ = pool::Sample{work.inputs, work.parameters, batch->size};
  }
  const auto latency = expected(*replica, batch->size, true);
  for (const auto& work : batch->works) {
    work->predicted = latency;
    work->runItems = static_cast<std::uint64_t>(batch->size.items);
  }
  batch->sentAt = base::SystemClock().now();
  batch->inBacklog = replica->backlog.add(
      latency.value_or(replica->speed().latency.value_or(base::Duration{})), batch->sentAt);
  batch->expected = replica->backlog.remaining(batch->sentAt);
  return batch;
}

RunOptions Model::State::askedOf(const BatchRef& batch) const {
  RunOptions asked;
  asked.stop = batch->stop.get_token();
  base::TimePoint latest{};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& work : batch->works) latest = std::max(latest, work->deadline());
  }
  // Whoever waits is answered in time (sweepDeadlines()), and drop() ends the run, if anything
  // must: never before that.
  if (!endsRuns()) latest += batch->replica->reloadTime() + std::chrono::minutes(1);
  asked.timeout =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(latest - base::SystemClock().now()),
               std::chrono::milliseconds(1));
  return asked;
}

Result<std::vector<Tensor>> Model::State::inputsOf(const pool::Batch& batch) const {
  if (batch.works.size() == 1) return batch.works.front()->inputs;
  std::vector<std::vector<Tensor>> calls;
  for (const auto& work : batch.works) calls.push_back(work->inputs);
  return pool::joinInputs(calls);
}

void Model::State::send(const BatchRef& batch) {
  const auto& works = batch->works;
  const auto ended = [self = shared_from_this(), batch](pool::RunOutcome outcome) {
    batch->replica->runEnded(batch->ticket, outcome);
    if (outcome.result && !batch->works.empty()) {
      const auto& first = *batch->works.front();
      batch->replica->answeredRight(first.inputs, first.parameters);
    }
    self->learn(*batch, *batch->replica, batch->inBacklog, outcome);
    self->answered(batch, batch->replica, std::move(outcome));
  };
  if (works.empty()) {
    ended({.result = fail(ErrorCategory::Cancelled, "the call was cancelled")});
    return;
  }
  auto inputs = inputsOf(*batch);
  if (!inputs) {
    ended({.result = std::unexpected(inputs.error())});
    return;
  }
  engine->log().debug("job sent: {} on {} (try {}), {} at once", source->description.name,
                      batch->replica->worker()->connection->label(), works.front()->tries,
                      works.size());
  engine->run(
      batch->replica->worker(), std::move(*inputs), works.front()->parameters, askedOf(batch),
      ended,
      [self = shared_from_this(), work = works.front()](const wire::Partial& part) {
        std::function<void(const PartialAnswer&)> tell;
        {
          const std::lock_guard lock(self->mutex_);
          if (work->callers.empty()) return;
          work->toldParts = true;
          tell = work->callers.front()->options.onPartial;
        }
        if (tell) tell(pool::toPublic(part));
      },
      batch->unwanted.get_token());
  watch(batch);
}

void Model::State::answered(const BatchRef& batch, const std::shared_ptr<pool::Replica>& replica,
                            pool::RunOutcome outcome) {
  if (decides(batch, replica, outcome)) {
    if (batch->second) batch->unwanted.request_stop();  // the other one
    if (outcome.result) {
      succeeded(batch, replica, std::move(*outcome.result));
    } else {
      failed(batch, outcome.result.error(), outcome.died);
    }
  }
  pump();
  provideSpares();  // one may have died, with a job in it or without
}

void Model::State::succeeded(const BatchRef& batch, const std::shared_ptr<pool::Replica>& replica,
                             wire::RunResult result) {
  learnTokens(*batch, result);
  const auto items = batch->items();
  std::vector<std::vector<Tensor>> outputs;
  std::vector<boost::json::object> details;
  if (batch->works.size() == 1) {
    outputs.push_back(std::move(result.outputs));
    details.push_back(std::move(result.details));
  } else {
    auto shares = pool::splitOutputs(result.outputs, items);
    if (!shares) {
      {
        const std::lock_guard lock(mutex_);
        joins_ = false;
      }
      engine->log().warn("{} is not run for several calls at once: {}", source->description.name,
                         shares.error().message);
      failed(batch, shares.error(), false);
      return;
    }
    outputs = std::move(*shares);
    details = pool::splitDetails(result.details, items);
  }
  std::uint64_t together = 0;
  for (const auto count : items) together += count;
  for (std::size_t i = 0; i < batch->works.size(); ++i) {
    const auto& work = batch->works[i];
    {
      const std::lock_guard lock(mutex_);
      work->in = nullptr;
      if (!retry_.answered(work->queued.id, batch->incarnation)) continue;
      conversations_.served(work->conversation, replica->worker()->incarnation);
      work->sentTo = replica;
    }
    reply(work, Inference{.outputs = std::move(outputs[i]),
                          .timings = {result.timings.queueMs, result.timings.runMs, 0},
                          .ranOn = replica->ranOn(),
                          .batchItems = together,
                          .details = details[i].empty() ? "" : boost::json::serialize(details[i])});
  }
}

void Model::State::failed(const BatchRef& batch, const Error& error, bool died) {
  const bool several = batch->works.size() > 1;
  for (const auto& work : batch->works) {
    std::optional<sched::RetryDecision> decision;
    bool unwanted = false;
    {
      const std::lock_guard lock(mutex_);
      const auto id = work->queued.id;
      unwanted = work->callers.empty();
      // Ended for one that has left, while others have come to want the same.
      const bool others = error.category == ErrorCategory::Cancelled && !unwanted &&
                          (batch->unwanted.stop_requested() || !batch->isOfOneCaller());
      // Lost, but not with the worker under it: it was not there any more, or was handed back. And
      // which of several calls is at fault nobody knows before each was tried alone.
      const bool innocent = (error.category == ErrorCategory::WorkerLost && !died) || others ||
                            (several && mayBeOfOne(error.category));
      work->in = nullptr;
      if (unwanted) {
        (void)retry_.withdrawn(id);
        forget(work);
      } else {
        decision = innocent ? retry_.handedBack(id, batch->incarnation)
                            : retry_.failed(id, batch->incarnation, error);
        // Another try would begin the answer anew, and the caller has read part of this one
        // (docs/decisions/0007-a-begun-answer-is-not-begun-again.md).
        if (decision && work->toldParts && std::holds_alternative<sched::Retry>(*decision)) {
          (void)retry_.withdrawn(id);
          decision =
              sched::GiveUp{{error.category, fmt::format("the answer broke off: {}", error.message),
                             "ask again: the pool starts the answer anew"}};
        }
      }
    }
    if (!unwanted) decide(work, std::move(decision), several);
  }
}

void Model::State::decide(const WorkRef& work, std::optional<sched::RetryDecision> decision,
                          bool alone) {
  if (!decision) return;
  if (auto* over = std::get_if<sched::GiveUp>(&*decision)) {
    reply(work, std::unexpected(std::move(over->error)));
    return;
  }
  const std::lock_guard lock(mutex_);
  work->avoid = std::move(std::get<sched::Retry>(*decision).excluding);
  if (alone) work->queued.kind = 0;
  queue_.readmit(work->queued, base::SystemClock().now());
}

void Model::State::giveUp(const WorkRef& work, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    const auto id = work->queued.id;
    if (!queue_.withdraw(id) || !retry_.withdrawn(id)) return;
  }
  reply(work, std::unexpected(error));
}

Model::State::WorkRef Model::State::homeless() const {
  const auto all = places({}, {});
  const auto found = queue_.next(base::SystemClock().now(), [&](sched::JobId id) {
    return std::ranges::none_of(all,
                                [&](const Place& place) { return mayGoTo(id, *place.replica); });
  });
  return found ? works_.at(*found) : nullptr;
}

void Model::State::bringModel(const WorkRef& first) {
  const bool begun = engine->inBackground([self = shared_from_this(), first] {
    std::vector<WorkRef> others;
    std::vector<std::uint64_t> avoid;
    std::stop_token stop;
    base::TimePoint deadline;
    {
      const std::lock_guard lock(self->mutex_);
      avoid = first->avoid;
      stop = self->bringingStop_.get_token();
      deadline = first->deadline();
      for (const auto& [id, work] : self->works_) {
        const bool same = work != first && self->queue_.contains(id) && work->avoid == avoid;
        if (same) others.push_back(work);
        if (same) deadline = std::max(deadline, work->deadline());
      }
    }
    const auto replica = self->provide(avoid, {}, stop, deadline);
    if (!replica) return self->broughtNot(first, others, replica.error());
    if (auto right = (*replica)->ensureChecked(first->inputs, first->parameters, stop); !right) {
      return self->broughtNot(first, {}, right.error());
    }
    BatchRef batch;
    {
      const std::lock_guard lock(self->mutex_);
      self->bringing_ = false;
      // To where its answer was just compared, even if the gate wants more calls after it.
      const auto id = first->queued.id;
      if (self->queue_.withdraw(id)) batch = self->makeBatch({id}, *replica);
    }
    if (batch) self->send(batch);
    self->pump();
  });
  if (!begun) broughtNot(first, {}, engine->closedError());
}

/// The error is that of all who waited for it; who has come since then tries again.
void Model::State::broughtNot(const WorkRef& first, const std::vector<WorkRef>& others,
                              const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    bringing_ = false;
  }
  giveUp(first, error);
  for (const auto& work : others) giveUp(work, error);
  pump();
}

}  // namespace webpool

#include "pool/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/combination.h"

namespace webpool::pool {
namespace {

/// Pages are numbered over the whole process, so that a number never means two of them.
std::uint64_t nextIncarnation() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

StateChange toPublic(const sched::Transition& change) {
  return {std::string(sched::lifeStateName(change.from)),
          std::string(sched::lifeStateName(change.to)),
          std::string(sched::lifeReasonName(change.reason)), change.detail, change.at};
}

/// It is over with the Worker or with the page, which may be the request's fault.
bool isDeath(ErrorCategory category) {
  return category == ErrorCategory::WorkerLost || category == ErrorCategory::DeviceLost;
}

}  // namespace

bool Loaded::isResident() const {
  const auto mine = incarnation.load();
  return mine != 0 && mine == connection->incarnation();
}

Connection::Connection(ConnectionSite& site, PageHub& hub, std::uint64_t id, std::string browser,
                       std::string label, Trust trust)
    : site_(site),
      hub_(hub),
      id_(id),
      name_(std::move(browser)),
      label_(std::move(label)),
      trust_(trust) {
  publish();
}

Connection::~Connection() = default;

void Connection::settle() {
  if (std::exchange(telling_, true)) return;  // the outer call does what is asked for
  for (auto actions = life_->takeActions(); !actions.empty(); actions = life_->takeActions()) {
    for (auto& action : actions) perform(std::move(action));
  }
  telling_ = false;
  publish();
  arm();
}

void Connection::arm() {
  const auto due = closed_ ? std::nullopt : life_->nextDeadline();
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_ = site_.loop.callAt(*due, [this] { tell([](auto& life, auto now) { life.tick(now); }); });
}

void Connection::perform(sched::LifeAction action) {
  struct Visitor {
    Connection& self;

    void operator()(const sched::Transition& change) {
      self.site_.log->debug("{}: {} -> {} ({}{}{})", self.label_, sched::lifeStateName(change.from),
                            sched::lifeStateName(change.to), sched::lifeReasonName(change.reason),
                            change.detail.empty() ? "" : ": ", change.detail);
      if (!self.life_->acceptsLoads()) self.incarnation_ = 0;
      self.noteChange(change);
      if (self.site_.onStateChange) self.site_.onStateChange(self.label_, toPublic(change));
    }
    void operator()(const sched::Launch&) {
      self.beginRecord();
      self.launch();
    }
    void operator()(const sched::RelaunchAt&) { self.waitForRelaunch(); }
    void operator()(const sched::Drain&) {}  // nothing new is sent; the open ones end by themselves
    void operator()(const sched::GiveBackJobs& jobs) { self.giveBack(jobs); }
    void operator()(const sched::Stop&) { self.stop(); }
    void operator()(const sched::Recycled&) {}
    void operator()(const sched::CheckHealth&) { self.checkHealth(); }
    void operator()(const sched::Ended& ended) { self.ended(ended.cause); }
  };
  std::visit(Visitor{*this}, std::move(action));
}

void Connection::pageCame(ConnectionFacts facts) {
  {
    const std::lock_guard lock(mutex_);
    stats_.launchMs = facts.launchMs;
    stats_.pss = 0;
    stats_.wasm = stats_.gpu = stats_.jsHeap = std::nullopt;
    facts_ = std::move(facts);
  }
  if (!record_) beginRecord();  // a device, which nobody launched
  tell([](auto& life, auto now) { life.pageReady(now); });
  if (!isUp()) return;
  incarnation_ = nextIncarnation();
  site_.sharing.pageLeft(pageName_);
  pageName_ = fmt::format("{}.{}", label_, incarnation_.load());
  site_.sharing.pageCame(pageName_, {&hub_, session_, address_});
  askStats();
}

/// A tiny inference in a run Worker: a page that answers the heartbeat may be of no use.
void Connection::checkHealth() {
  const auto sent = hub_.submit(
      session_, wire::Check{}, site_.loop.now() + site_.life.healthTimeout,
      [this](Result<session::Answer> answer) {
        const auto* checked = answer ? std::get_if<wire::Checked>(&*answer) : nullptr;
        const bool right = checked != nullptr && checked->ok;
        if (!right) {
          site_.log->warn("{}: the health check failed: {}", label_,
                          checked != nullptr ? checked->message : answer.error().message);
        }
        tell([&](auto& life, auto now) { life.healthChecked(right, now); });
      });
  if (!sent) tell([](auto& life, auto now) { life.healthChecked(false, now); });
}

void Connection::askStats() {
  asking_ = site_.loop.callAfter(site_.statsEvery, [this] {
    if (closed_ || session_.empty()) return;
    const auto deadline = site_.loop.now() + std::chrono::seconds(30);
    const auto sent = hub_.submit(session_, wire::StatsRequest{}, deadline,
                                  [this](Result<session::Answer> answer) {
                                    if (closed_) return;
                                    if (answer) {
                                      if (const auto* stats = std::get_if<wire::Stats>(&*answer))
                                        onStats(*stats);
                                    }
                                    if (isUp()) askStats();
                                  });
    if (!sent && isUp()) askStats();
  });
}

void Connection::onStats(const wire::Stats& stats) {
  const std::lock_guard lock(mutex_);
  stats_.wasm = stats.memory.wasm;
  stats_.gpu = stats.memory.gpu;
  stats_.jsHeap = stats.memory.jsHeap;
}

std::uint64_t Connection::modelBytes() const {
  std::uint64_t sum = 0;
  for (const auto& [handle, weak] : held_) {
    if (const auto model = weak.lock()) sum += model->memory.residentBytes;
  }
  return sum;
}

void Connection::onModelsLost(const std::vector<std::string>& handles, const Error& cause) {
  for (const auto& handle : handles) {
    if (const auto node = held_.extract(handle); !node.empty()) {
      const auto model = node.mapped().lock();
      if (!model) continue;
      model->incarnation = 0;
      site_.memory.gone(*model);
    }
  }
  showModels();
  if (cause.category != ErrorCategory::DeviceLost) return;
  site_.log->warn("{}: {}", label_, cause.message);
  tell([](auto& life, auto now) { life.deviceLost(now); });
}

void Connection::onLateAnswers(std::uint64_t count) {
  lateAnswers_ += count;
  publish();
}

void Connection::leavePage() {
  site_.sharing.pageLeft(pageName_);
  pageName_.clear();
  asking_.cancel();
  held_.clear();
  showModels();
  modelNames_.clear();
  incarnation_ = 0;
  if (session_.empty()) return;
  const auto session = std::exchange(session_, {});
  hub_.forget(session);
}

Result<sched::JobId> Connection::submit(session::WorkerSession::Request request,
                                        std::optional<base::TimePoint> deadline, Answered answered,
                                        RequestListener listener) {
  const auto id = nextJob_++;
  bool begun = false;
  tell([&](auto& life, auto now) { begun = life.jobBegan(id, now); });
  if (!begun) {
    return fail(ErrorCategory::WorkerLost, "the browser is not there, or is being replaced",
                "call again: the pool starts a new one");
  }
  auto& job = jobs_[id];
  job.answered = std::move(answered);
  job.isLoad = std::holds_alternative<wire::Load>(request);
  job.isRun = std::holds_alternative<wire::Run>(request);
  openLoads_ += job.isLoad ? 1 : 0;
  if (const auto* load = std::get_if<wire::Load>(&request)) modelNames_[load->model] = load->name;
  auto sent = hub_.submit(
      session_, std::move(request), deadline,
      [this, id](Result<session::Answer> reply) { answer(id, std::move(reply)); },
      std::move(listener));
  if (!sent) {
    takeJob(id);
    tell([&](auto& life, auto now) { life.jobEnded(id, ErrorCategory::Busy, now); });
    return std::unexpected(sent.error());
  }
  if (const auto open = jobs_.find(id); open != jobs_.end()) open->second.request = *sent;
  return id;
}

std::optional<Connection::Job> Connection::takeJob(sched::JobId id) {
  auto node = jobs_.extract(id);
  if (node.empty()) return std::nullopt;
  openLoads_ -= node.mapped().isLoad ? 1 : 0;
  return std::move(node.mapped());
}

/// So that who reads it knows which of the pool's browsers it was.
Error Connection::named(Error error) const {
  if (!error.message.contains(name_)) error.message = label_ + ": " + error.message;
  return error;
}

void Connection::answer(sched::JobId id, Result<session::Answer> reply) {
  auto job = takeJob(id);
  if (!job) return;  // handed back: it has its outcome from there
  const auto category = reply ? std::nullopt : std::optional<ErrorCategory>(reply.error().category);
  tell([&](auto& life, auto now) { life.jobEnded(id, category, now); });
  const bool died = category && isDeath(*category);
  if (died) reply = std::unexpected(named(std::move(reply.error())));
  noteAnswer(*job, reply);
  job->answered(std::move(reply), died);
}

void Connection::giveBack(const sched::GiveBackJobs& jobs) {
  incarnation_ = 0;  // before anybody hears of it and calls again
  const Error error = named(jobs.died && cause_ ? *cause_ : jobs.cause);
  for (const auto id : jobs.jobs) {
    auto job = takeJob(id);
    if (!job) continue;
    auto lost = error;
    lost.category = ErrorCategory::WorkerLost;
    if (job->cancelled) lost = {ErrorCategory::Cancelled, "the call was cancelled", ""};
    noteAnswer(*job, std::unexpected(lost));
    job->answered(std::unexpected(std::move(lost)), jobs.died);
  }
}

void Connection::cancel(sched::JobId id) {
  const auto job = jobs_.find(id);
  if (job == jobs_.end()) return;
  job->second.cancelled = true;
  hub_.cancel(session_, job->second.request);
}

void Connection::withdraw(sched::JobId id) {
  const auto job = jobs_.find(id);
  if (job != jobs_.end()) hub_.withdraw(session_, job->second.request);
}

void Connection::hold(const std::shared_ptr<Loaded>& model, std::uint64_t incarnation) {
  if (incarnation == 0 || incarnation != incarnation_) return;
  model->incarnation = incarnation;
  held_[model->handle] = model;
  showModels();
}

void Connection::drop(const Loaded& model) {
  held_.erase(model.handle);
  showModels();
  site_.memory.gone(model);
}

void Connection::showModels() {
  std::vector<std::string> names;
  for (const auto& [handle, weak] : held_) {
    const auto model = weak.lock();
    if (!model) continue;
    const auto& of = model->source->description;
    names.push_back(isComponent(of) ? of.name + '/' + of.component : of.name);
  }
  const std::lock_guard lock(mutex_);
  stats_.models = std::move(names);
}

std::string Connection::modelName(const std::string& handle) const {
  const auto found = modelNames_.find(handle);
  return found == modelNames_.end() ? "" : found->second;
}

void Connection::unload(Loaded& model, std::move_only_function<void()> done) {
  model.incarnation = 0;
  drop(model);
  modelNames_.erase(model.handle);
  auto shared = std::make_shared<std::move_only_function<void()>>(std::move(done));
  const auto sent = submit(wire::Unload{0, model.handle}, std::nullopt,
                           [shared](const Result<session::Answer>&, bool) { (*shared)(); });
  if (!sent) (*shared)();
}

void Connection::gatePassed() {
  tell([](auto& life, auto now) { life.gatePassed(now); });
}

void Connection::gateFailed(const Error& error) {
  tell([&](auto& life, auto now) { life.gateFailed(error, now); });
}

void Connection::knownInputsFailed(const Error& error) {
  tell([&](auto& life, auto now) { life.knownInputsFailed(error, now); });
}

void Connection::retire() {
  tell([](auto& life, auto now) { life.endAsked(now); });
}

bool Connection::holdsOther(const Loaded& model) const {
  return openLoads_ > 0 || std::ranges::any_of(held_, [&](const auto& held) {
           const auto other = held.second.lock();
           return other && other->id != model.id && other->isResident();
         });
}

bool Connection::isUnused() const {
  return claims_.use_count() == 1 && jobs_.empty() &&
         std::ranges::none_of(held_, [](const auto& held) {
           const auto model = held.second.lock();
           return model && model->isResident();
         });
}

void Connection::recycle(const std::string& why) {
  tell([&](auto& life, auto now) { life.recycleAsked(why, now); });
}

ConnectionFacts Connection::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

ConnectionStats Connection::stats() const {
  const std::lock_guard lock(mutex_);
  auto stats = stats_;
  stats.accepting = accepting_;
  return stats;
}

RecordedMemory Connection::memory() const {
  const std::lock_guard lock(mutex_);
  RecordedMemory memory{.wasm = stats_.wasm, .gpu = stats_.gpu};
  if (stats_.pss > 0) memory.pss = stats_.pss;
  return memory;
}

void Connection::publish() {
  const std::lock_guard lock(mutex_);
  stats_.label = label_;
  stats_.browser = name_;
  stats_.trust = trust_;
  if (!life_) return;
  stats_.state = sched::lifeStateName(life_->state());
  stats_.launches = life_->incarnation();
  stats_.jobs = life_->usage().jobs;
  stats_.lateAnswers = life_->lateEnds() + lateAnswers_;
  stats_.history.clear();
  for (const auto& change : life_->history()) stats_.history.push_back(toPublic(change));
}

void Connection::close(const Error& error) {
  closed_ = true;
  timer_.cancel();
  asking_.cancel();
  incarnation_ = 0;
  endRecord("pool_closed", "");
  site_.sharing.pageLeft(pageName_);
  for (auto& [id, job] : std::exchange(jobs_, {})) job.answered(std::unexpected(error), false);
}

}  // namespace webpool::pool

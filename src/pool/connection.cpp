#include "pool/connection.h"

#include <fmt/format.h>

#include <utility>

#include "pool/convert.h"

namespace webpool::pool {
namespace {

/// Pages are numbered over the whole process, so that a number never means two of them.
std::uint64_t nextIncarnation() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

Error notConnected(const Error& cause, const HostedBrowser& browser) {
  const auto tail = browser.process.logTail();
  return {ErrorCategory::BrowserFailed,
          fmt::format("{} did not connect: {}{}{}", browser.browser.name, cause.message,
                      tail.empty() ? "; it wrote nothing" : "; its last words: ", tail),
          fmt::format("try --visible to look at it; its whole log is {}",
                      browser.process.logPath().native())};
}

StateChange toPublic(const sched::Transition& change) {
  return {std::string(sched::lifeStateName(change.from)),
          std::string(sched::lifeStateName(change.to)),
          std::string(sched::lifeReasonName(change.reason)), change.detail, change.at};
}

}  // namespace

bool Loaded::isResident() const {
  const auto mine = incarnation.load();
  return mine != 0 && mine == connection->incarnation();
}

Connection::Connection(ConnectionSite& site, std::uint64_t id, std::string browser, unsigned number)
    : site_(site),
      id_(id),
      name_(std::move(browser)),
      number_(number),
      label_(fmt::format("{}-{}", name_, number)) {
  publish();
}

Connection::~Connection() = default;

template <class Event>
void Connection::tell(Event event) {
  if (!life_ || closed_) return;
  event(*life_, site_.loop.now());
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
    }
    void operator()(const sched::Launch&) {
      if (self.stopping_) {
        self.launchWaits_ = true;
      } else {
        self.launch();
      }
    }
    void operator()(const sched::RelaunchAt&) {
      self.stopBrowser();
      // Who came after the death of a browser that did connect waits for the next one.
      if (self.wasReady_) return;
      self.answerWaiters(std::unexpected(self.cause_.value_or(
          Error{ErrorCategory::BrowserFailed, "the browser ended", "call again"})));
    }
    void operator()(const sched::Drain&) {}  // nothing new is sent; the open ones end by themselves
    void operator()(const sched::GiveBackJobs& jobs) { self.giveBack(jobs); }
    void operator()(const sched::Stop&) {
      self.stopAsked_ = true;
      self.leavePage();
      if (!self.launching_) self.stopBrowser();
    }
    void operator()(const sched::Recycled&) {}
    void operator()(const sched::CheckHealth&) { self.checkHealth(); }
    void operator()(const sched::Ended& ended) {
      self.stopBrowser();
      self.answerWaiters(std::unexpected(self.cause_.value_or(ended.cause.value_or(
          Error{ErrorCategory::BrowserFailed, "the browser ended", "call again"}))));
    }
  };
  std::visit(Visitor{*this}, std::move(action));
}

void Connection::whenReady(OnReady done) {
  if (isUp()) {
    done(facts());
    return;
  }
  waiters_.push_back(std::move(done));
  if (closed_ || (life_ && !life_->hasEnded())) return;
  life_.emplace(site_.life, site_.loop.now());
  tell([](auto&, auto) {});
}

void Connection::launch() {
  launchBegan_ = site_.loop.now();
  wasReady_ = false;
  early_.reset();
  cause_.reset();
  session::SessionOptions options;
  options.connectTimeout = site_.launchTimeout;
  // Its socket never leaves the machine: what broke it was the page's end.
  options.grace = std::chrono::milliseconds(1500);
  const auto admission = site_.hub.expect(
      options,
      {.ready = [this](const wire::Capabilities& capabilities) { onPageReady(capabilities); },
       .modelsLost = [this](const std::vector<std::string>& handles,
                            const Error&) { onModelsLost(handles); },
       .ended = [this](std::optional<Error> cause) { onPageEnded(std::move(cause)); }});
  session_ = admission.session;
  launching_ = true;
  const auto taken = site_.workers.run(
      [host = &site_.host, name = name_, number = number_, url = site_.pageUrl(admission.token)] {
        return host->launch(name, number, url);
      },
      [this](Result<HostedBrowser> launched) { onLaunched(std::move(launched)); });
  if (!taken) onLaunched(std::unexpected(taken.error()));
}

void Connection::onLaunched(Result<HostedBrowser> launched) {
  launching_ = false;
  if (launched) {
    browser_.emplace(std::move(*launched));
    pid_ = browser_->process.pid();
  }
  if (closed_) return;
  if (!launched) {
    leavePage();
    cause_ = launched.error();
    stopAsked_ = false;
    tell([&](auto& life, auto now) { life.launchFailed(launched.error(), now); });
    return;
  }
  if (stopAsked_) {  // it was given up meanwhile
    stopBrowser();
    return;
  }
  watch_ = std::make_unique<ProcessWatch>(site_.loop, browser_->process.pidfd(),
                                          [this] { onProcessEnded(); });
  tell([](auto& life, auto now) { life.launchBegan(now); });
  if (early_) onPageReady(*early_);
}

void Connection::onPageReady(const wire::Capabilities& capabilities) {
  if (!browser_) {
    early_ = capabilities;
    return;
  }
  const auto launchMs = std::chrono::duration<double, std::milli>(site_.loop.now() - launchBegan_);
  {
    const std::lock_guard lock(mutex_);
    facts_ = {pool::toPublic(capabilities, browser_->browser.name, browser_->browser.version),
              launchMs.count()};
    stats_.launchMs = launchMs.count();
    stats_.pss = 0;
  }
  tell([](auto& life, auto now) { life.pageReady(now); });
  if (!isUp()) return;
  wasReady_ = true;
  incarnation_ = nextIncarnation();
  site_.pageCame();
  site_.log->debug("{} connected after {:.0f} ms", label_, launchMs.count());
  // With a budget, nothing is loaded before it is known what the empty browser takes.
  if (!site_.memory.isOn()) answerWaiters(facts());
  sampleMemory();
}

/// A tiny inference in a run Worker: a page that answers the heartbeat may be of no use.
void Connection::checkHealth() {
  const auto sent = site_.hub.submit(
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

void Connection::sampleMemoryLater() {
  sampling_ = site_.loop.callAfter(site_.memoryEvery, [this] { sampleMemory(); });
}

/// What the browser's processes take, unless a load is under way, whose peak would pass for growth.
void Connection::sampleMemory() {
  if (closed_ || !browser_ || !isUp()) return;
  const auto taken = site_.workers.run(
      [identity = browser_->process.identity()] { return browsers::memoryOf(identity); },
      [this, incarnation = incarnation_.load()](const Result<browsers::MemoryUse>& memory) {
        if (closed_ || incarnation_ != incarnation) return;
        if (memory) onSampled(memory->pss);
        if (isUp()) answerWaiters(facts());
        sampleMemoryLater();
      });
  if (!taken) sampleMemoryLater();
}

void Connection::onSampled(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    stats_.pss = bytes;
  }
  if (openLoads_ > 0) return;
  site_.memory.sampled(id_, bytes);
  tell([&](auto& life, auto now) { life.memorySampled({bytes, modelBytes()}, now); });
}

std::uint64_t Connection::modelBytes() const {
  std::uint64_t sum = 0;
  for (const auto& [handle, weak] : held_) {
    if (const auto model = weak.lock()) sum += model->memory.residentBytes;
  }
  return sum;
}

void Connection::onModelsLost(const std::vector<std::string>& handles) {
  for (const auto& handle : handles) {
    if (const auto node = held_.extract(handle); !node.empty()) {
      const auto model = node.mapped().lock();
      if (!model) continue;
      model->incarnation = 0;
      site_.memory.gone(*model);
    }
  }
}

void Connection::onProcessEnded() {
  auto error = browser_->process.failure();
  if (life_->acceptsLoads()) {
    error.category = ErrorCategory::WorkerLost;
    error.hint = "call again: the pool starts a new browser";
  }
  cause_ = error;
  incarnation_ = 0;
  leavePage();
  tell([&](auto& life, auto now) { life.processEnded(error.message, now); });
}

/// The session is over by itself: the page was closed, or is out of reach.
void Connection::onPageEnded(std::optional<Error> cause) {
  session_.clear();
  held_.clear();
  incarnation_ = 0;
  if (!cause_) {
    cause_ = cause.value_or(Error{ErrorCategory::WorkerLost, "the page was closed", "call again"});
    if (browser_ && !life_->acceptsLoads()) cause_ = notConnected(*cause_, *browser_);
  }
  tell([](auto& life, auto now) { life.heartbeatLost(now); });
}

/// Whatever the page still says belongs to nobody.
void Connection::leavePage() {
  watch_.reset();
  sampling_.cancel();
  held_.clear();
  site_.memory.closed(id_);
  incarnation_ = 0;
  if (session_.empty()) return;
  const auto session = std::exchange(session_, {});
  site_.hub.forget(session);
}

void Connection::stopBrowser() {
  pid_ = 0;
  leavePage();
  if (stopping_) return;
  if (!browser_) {
    onStopped();
    return;
  }
  stopping_ = true;
  // Shared, because a task that could not be taken must not take the browser with it.
  auto browser = std::make_shared<HostedBrowser>(std::move(*browser_));
  browser_.reset();
  const auto taken = site_.workers.run(
      [browser, log = site_.log] {
        if (auto stopped = browser->process.stop(); !stopped) {
          log->error("{}", stopped.error().describe());
        }
      },
      [this] { onStopped(); });
  if (taken) return;
  site_.log->error("{}", taken.error().describe());
  (void)browser->process.stop();
  onStopped();
}

void Connection::onStopped() {
  stopping_ = false;
  if (std::exchange(stopAsked_, false)) {
    tell([](auto& life, auto now) { life.stopped(now); });
  }
  if (std::exchange(launchWaits_, false) && !closed_) launch();
}

void Connection::answerWaiters(const Result<ConnectionFacts>& result) {
  for (auto& waiter : std::exchange(waiters_, {})) waiter(result);
}

Result<sched::JobId> Connection::submit(session::WorkerSession::Request request,
                                        std::optional<base::TimePoint> deadline, Answered answered,
                                        PageHub::OnProgress progress) {
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
  openLoads_ += job.isLoad ? 1 : 0;
  auto sent = site_.hub.submit(
      session_, std::move(request), deadline,
      [this, id](Result<session::Answer> reply) { answer(id, std::move(reply)); },
      std::move(progress));
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

void Connection::answer(sched::JobId id, Result<session::Answer> reply) {
  auto job = takeJob(id);
  if (!job) return;  // handed back: it has its outcome from there
  const auto category = reply ? std::nullopt : std::optional<ErrorCategory>(reply.error().category);
  const bool died = category == ErrorCategory::WorkerLost;
  tell([&](auto& life, auto now) { life.jobEnded(id, category, now); });
  job->answered(std::move(reply), died);
}

void Connection::giveBack(const sched::GiveBackJobs& jobs) {
  incarnation_ = 0;  // before anybody hears of it and calls again
  const Error error = jobs.died && cause_ ? *cause_ : jobs.cause;
  for (const auto id : jobs.jobs) {
    auto job = takeJob(id);
    if (!job) continue;
    auto lost = error;
    lost.category = ErrorCategory::WorkerLost;
    if (job->cancelled) lost = {ErrorCategory::Cancelled, "the call was cancelled", ""};
    job->answered(std::unexpected(std::move(lost)), jobs.died);
  }
}

void Connection::cancel(sched::JobId id) {
  const auto job = jobs_.find(id);
  if (job == jobs_.end()) return;
  job->second.cancelled = true;
  site_.hub.cancel(session_, job->second.request);
}

void Connection::hold(const std::shared_ptr<Loaded>& model, std::uint64_t incarnation) {
  if (incarnation == 0 || incarnation != incarnation_) return;
  model->incarnation = incarnation;
  held_[model->handle] = model;
}

void Connection::drop(const Loaded& model) {
  held_.erase(model.handle);
  site_.memory.gone(model);
}

void Connection::unload(Loaded& model, std::move_only_function<void()> done) {
  model.incarnation = 0;
  drop(model);
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
  stats.pid = pid_;
  return stats;
}

void Connection::publish() {
  const std::lock_guard lock(mutex_);
  stats_.label = label_;
  stats_.browser = name_;
  if (!life_) return;
  stats_.state = sched::lifeStateName(life_->state());
  stats_.launches = life_->incarnation();
  stats_.jobs = life_->usage().jobs;
  stats_.lateAnswers = life_->lateEnds();
  stats_.history.clear();
  for (const auto& change : life_->history()) stats_.history.push_back(toPublic(change));
}

void Connection::close(const Error& error) {
  closed_ = true;
  timer_.cancel();
  sampling_.cancel();
  watch_.reset();
  incarnation_ = 0;
  if (!session_.empty()) site_.hub.close(session_, "the pool closes");
  for (auto& [id, job] : std::exchange(jobs_, {})) job.answered(std::unexpected(error), false);
  answerWaiters(std::unexpected(error));
}

std::optional<HostedBrowser> Connection::takeBrowser() {
  pid_ = 0;
  return std::exchange(browser_, std::nullopt);
}

}  // namespace webpool::pool

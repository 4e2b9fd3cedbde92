#include "pool/browser_connection.h"

#include <fmt/format.h>

#include <utility>

#include "browsers/memory.h"
#include "pool/convert.h"

namespace webpool::pool {
namespace {

Error notConnected(const Error& cause, const HostedBrowser& browser) {
  const auto tail = browser.process.logTail();
  const auto hint = browser.process.logHint();
  return {ErrorCategory::BrowserFailed,
          fmt::format("{} did not connect: {}{}{}", browser.browser.name, cause.message,
                      tail.empty() ? "; it wrote nothing" : "; its last words: ", tail),
          "look at its window (--visible, headless off)" + (hint.empty() ? "" : "; " + hint)};
}

Error endedError() {
  return {ErrorCategory::BrowserFailed, "the browser ended", "call again"};
}

}  // namespace

BrowserConnection::BrowserConnection(LaunchSite& site, std::uint64_t id, const std::string& browser,
                                     unsigned number)
    : Connection(site.common, site.hub, id, browser, fmt::format("{}-{}", browser, number),
                 Trust::Launched),
      launchSite_(site),
      number_(number) {}

void BrowserConnection::whenReady(OnReady done) {
  if (isUp()) {
    done(facts());
    return;
  }
  waiters_.push_back(std::move(done));
  if (closed_ || (life_ && !life_->hasEnded())) return;
  life_.emplace(site_.life, site_.loop.now());
  tell([](auto&, auto) {});
}

void BrowserConnection::launch() {
  if (stopping_) {
    launchWaits_ = true;
  } else {
    startBrowser();
  }
}

void BrowserConnection::waitForRelaunch() {
  stopBrowser();
  // Who came after the death of a browser that did connect waits for the next one.
  if (wasReady_ || crashes_ == 1) return;
  answerWaiters(std::unexpected(cause_.value_or(endedError())));
}

void BrowserConnection::stop() {
  stopAsked_ = true;
  leavePage();
  if (!launching_) stopBrowser();
}

void BrowserConnection::ended(const std::optional<Error>& cause) {
  stopBrowser();
  answerWaiters(std::unexpected(cause_.value_or(cause.value_or(endedError()))));
}

void BrowserConnection::startBrowser() {
  launchBegan_ = site_.loop.now();
  wasReady_ = false;
  early_.reset();
  cause_.reset();
  session::SessionOptions options;
  options.connectTimeout = launchSite_.launchTimeout;
  // Its socket never leaves the machine: what broke it was the page's end.
  options.grace = std::chrono::milliseconds(1500);
  const auto admission = hub_.expect(
      options,
      {.ready = [this](const wire::Capabilities& capabilities) { onPageReady(capabilities); },
       .modelsLost = [this](const std::vector<std::string>& handles,
                            const Error& cause) { onModelsLost(handles, cause); },
       .ended = [this](std::optional<Error> cause) { onPageEnded(std::move(cause)); },
       .lateAnswers = [this](std::uint64_t count) { onLateAnswers(count); },
       .signal = [this](wire::Signal signal) { onSignal(std::move(signal)); }});
  session_ = admission.session;
  launching_ = true;
  const auto taken = launchSite_.workers.run(
      [host = &launchSite_.host, name = browserName(), number = number_,
       url = launchSite_.pageUrl(admission.token)] { return host->launch(name, number, url); },
      [this](Result<HostedBrowser> launched) { onLaunched(std::move(launched)); });
  if (!taken) onLaunched(std::unexpected(taken.error()));
}

void BrowserConnection::onLaunched(Result<HostedBrowser> launched) {
  launching_ = false;
  if (launched) {
    browser_.emplace(std::move(*launched));
    showPid(browser_->process.pid());
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

void BrowserConnection::onPageReady(const wire::Capabilities& capabilities) {
  if (!browser_) {
    early_ = capabilities;
    return;
  }
  const auto launchMs = std::chrono::duration<double, std::milli>(site_.loop.now() - launchBegan_);
  pageCame({pool::toPublic(capabilities, browser_->browser.name, browser_->browser.version),
            launchMs.count()});
  if (!isUp()) return;
  wasReady_ = true;
  crashes_ = 0;
  launchSite_.pageCame();
  site_.log->debug("{} connected after {:.0f} ms", label(), launchMs.count());
  // With a budget, nothing is loaded before it is known what the empty browser takes.
  if (!site_.memory.isOn()) answerWaiters(facts());
  sampleMemory();
}

void BrowserConnection::sampleMemoryLater() {
  sampling_ = site_.loop.callAfter(site_.statsEvery, [this] { sampleMemory(); });
}

/// What the browser's processes take, unless a load is under way, whose peak would pass for growth.
void BrowserConnection::sampleMemory() {
  if (closed_ || !browser_ || !isUp()) return;
  const auto taken = launchSite_.workers.run(
      [identity = browser_->process.identity()] { return browsers::memoryOf(identity); },
      [this, sampled = incarnation()](const Result<browsers::MemoryUse>& memory) {
        if (closed_ || incarnation() != sampled) return;
        if (memory) onSampled(memory->pss);
        if (isUp()) answerWaiters(facts());
        sampleMemoryLater();
      });
  if (!taken) sampleMemoryLater();
}

void BrowserConnection::onSampled(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    stats_.pss = bytes;
  }
  noteMemory(bytes);
  if (openLoads_ > 0) return;
  site_.memory.sampled(id(), bytes);
  tell([&](auto& life, auto now) { life.memorySampled({bytes, modelBytes()}, now); });
}

void BrowserConnection::onProcessEnded() {
  auto error = browser_->process.failure();
  if (life_->acceptsLoads()) {
    error.category = ErrorCategory::WorkerLost;
    error.hint = "call again: the pool starts a new browser";
  } else if (const auto status = browser_->process.exitStatus(); status && status->bySignal) {
    // A browser does crash as it starts, though rarely; one that can't run here ends by itself.
    ++crashes_;
    if (crashes_ == 1) site_.log->warn("{}; it is started once more", error.message);
  }
  cause_ = error;
  leavePage();
  tell([&](auto& life, auto now) { life.processEnded(error.message, now); });
}

/// The session is over by itself: the page was closed, or is out of reach.
void BrowserConnection::onPageEnded(std::optional<Error> cause) {
  session_.clear();
  if (!cause_) {
    cause_ = cause.value_or(Error{ErrorCategory::WorkerLost, "the page was closed", "call again"});
    if (browser_ && !life_->acceptsLoads()) cause_ = notConnected(*cause_, *browser_);
  }
  incarnation_ = 0;
  tell([](auto& life, auto now) { life.heartbeatLost(now); });
}

void BrowserConnection::leavePage() {
  watch_.reset();
  sampling_.cancel();
  site_.memory.closed(id());
  Connection::leavePage();
}

void BrowserConnection::stopBrowser() {
  showPid(0);
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
  const auto taken = launchSite_.workers.run(
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

void BrowserConnection::onStopped() {
  stopping_ = false;
  if (std::exchange(stopAsked_, false)) {
    tell([](auto& life, auto now) { life.stopped(now); });
  }
  if (std::exchange(launchWaits_, false) && !closed_) startBrowser();
}

void BrowserConnection::answerWaiters(const Result<ConnectionFacts>& result) {
  for (auto& waiter : std::exchange(waiters_, {})) waiter(result);
}

void BrowserConnection::showPid(int pid) {
  const std::lock_guard lock(mutex_);
  stats_.pid = pid;
}

void BrowserConnection::close(const Error& error) {
  sampling_.cancel();
  watch_.reset();
  Connection::close(error);  // first: that the page goes now is no fault of the browser
  if (!session_.empty()) hub_.close(session_, "the pool ended");
  answerWaiters(std::unexpected(error));
}

std::optional<HostedBrowser> BrowserConnection::takeBrowser() {
  showPid(0);
  return std::exchange(browser_, std::nullopt);
}

}  // namespace webpool::pool

#include "sources/block_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cid/dag_pb.h"
#include "sources/download.h"

namespace webpool::sources {
namespace {

constexpr base::Duration kTick = std::chrono::milliseconds(200);
constexpr unsigned kRedirects = 5;

/// The server has not got it, or not in this form; asking again changes nothing.
bool isGap(int status) {
  return status >= 400 && status < 500 && status != 429 && status != 408;
}

Error errorOfStatus(int status) {
  return {isGap(status) ? ErrorCategory::NotFound : ErrorCategory::Fetch,
          status == 412 ? "has not got it (HTTP 412)" : fmt::format("HTTP {}", status),
          isForTheMoment(status) ? "try again later" : ""};
}

}  // namespace

BlockFetch::BlockFetch(base::HttpClient& http, fetch::HostScores& scores, BlockFetchOptions options)
    : http_(http), options_(options), fetch_(scores, options.stripes) {}

BlockFetch::~BlockFetch() {
  {
    std::unique_lock lock(mutex_);
    endAll(lock);
    ending_ = true;
  }
  hasTasks_.notify_all();
}

void BlockFetch::addServer(ContentServer server) {
  const std::lock_guard lock(mutex_);
  fetch_.addSource({.name = server.name, .host = server.name, .rank = server.rank});
  servers_.push_back(std::move(server));
  somethingChanged_ = true;
  changed_.notify_one();
}

void BlockFetch::setMoreServersMayCome(bool may) {
  const std::lock_guard lock(mutex_);
  fetch_.setMoreSourcesMayCome(may);
  somethingChanged_ = true;
  changed_.notify_one();
}

std::uint64_t BlockFetch::add(WantedBlock block) {
  const std::lock_guard lock(mutex_);
  const auto number = wanted_.size();
  fetch_.addPiece(number, std::clamp<std::uint64_t>(block.bytes, 1, cid::kMaxBlock));
  wanted_.push_back(std::move(block));
  somethingChanged_ = true;
  changed_.notify_one();
  return number;
}

bool BlockFetch::isDone() const {
  const std::lock_guard lock(mutex_);
  return fetch_.isDone();
}

std::vector<fetch::SourceReport> BlockFetch::reports() const {
  const std::lock_guard lock(mutex_);
  return fetch_.reports();
}

Result<void> BlockFetch::run(const BlockSink& sink, const std::stop_token& stop,
                             const std::function<void()>& tick) {
  const std::stop_callback wake(stop, [this] {
    const std::lock_guard lock(mutex_);
    somethingChanged_ = true;
    changed_.notify_one();
  });
  std::unique_lock lock(mutex_);
  sink_ = &sink;
  while (true) {
    somethingChanged_ = false;
    for (const auto& action : fetch_.poll(now())) {
      if (const auto* ask = std::get_if<fetch::Ask>(&action)) start(*ask);
      if (const auto* over = std::get_if<fetch::GiveUp>(&action)) {
        const auto found = tasks_.find(over->request);
        if (found != tasks_.end()) found->second->stop.request_stop();
      }
    }
    if (stop.stop_requested() || fatal_ || fetch_.failure() || fetch_.isDone()) break;
    auto until = now() + kTick;
    if (const auto wakeAt = fetch_.wakeAt(now())) until = std::min(until, *wakeAt);
    changed_.wait_until(lock, until, [this] { return somethingChanged_; });
    lock.unlock();
    if (tick) tick();
    lock.lock();
  }
  endAll(lock);
  sink_ = nullptr;
  if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "given up");
  if (fatal_) return std::unexpected(*fatal_);
  if (!fetch_.failure()) return {};
  auto error = *fetch_.failure();
  error.message =
      fmt::format("{} can't be had: {}", wanted_[*fetch_.failedPiece()].cid.text(), error.message);
  return std::unexpected(std::move(error));
}

/// Gives up what is under way, and waits for it.
void BlockFetch::endAll(std::unique_lock<std::mutex>& lock) {
  for (const auto& task : queue_) tasks_.erase(task->ask.request);
  queue_.clear();
  for (auto& [request, task] : tasks_) task->stop.request_stop();
  changed_.wait(lock, [this] { return tasks_.empty(); });
}

void BlockFetch::start(const fetch::Ask& ask) {
  auto task = std::make_shared<Task>(Task{ask, wanted_[ask.piece], servers_[ask.source]});
  tasks_[ask.request] = task;
  queue_.push_back(std::move(task));
  if (queue_.size() > idle_) threads_.emplace_back([this] { work(); });
  hasTasks_.notify_one();
}

void BlockFetch::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    hasTasks_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    --idle_;
    if (ending_) return;
    const auto task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    perform(*task);
    lock.lock();
    tasks_.erase(task->ask.request);
    somethingChanged_ = true;
    changed_.notify_one();
  }
}

base::HttpRequest BlockFetch::requestFor(Task& task, std::string& body) {
  base::HttpRequest request{
      .url = fmt::format("{}/ipfs/{}?format=raw", task.server.origin, task.block.cid.text()),
      .headers = {{"Accept", "application/vnd.ipld.raw"}},
      .timeout = options_.longest,
      .stallTimeout = options_.stall,
      .maxBodyBytes = cid::kMaxBlock,
      .tooManyBytes = ErrorCategory::Integrity,
      .maxRedirects = kRedirects,
      .keepAlive = true};
  if (task.server.onlyIfCached) request.headers.emplace_back("Cache-Control", "only-if-cached");
  request.onBody = [this, &task, &body](const base::HttpResponse& head,
                                        std::string_view piece) -> Result<void> {
    const bool first = body.empty();
    body += piece;
    const std::lock_guard lock(mutex_);
    if (first && head.connectTook > base::Duration::zero()) {
      fetch_.connected(task.ask.request, head.connectTook, now());
    }
    fetch_.progressed(task.ask.request, body.size(), now());
    return {};
  };
  return request;
}

void BlockFetch::perform(Task& task) {
  std::string body;
  body.reserve(std::min<std::uint64_t>(task.block.bytes, cid::kMaxBlock));
  const auto request = requestFor(task, body);
  const auto answer = http_.request(request, task.stop.get_token());
  if (task.stop.stop_requested()) return;
  const bool whole = answer && answer->status == 200;
  if (whole && task.block.cid.matches(std::as_bytes(std::span(body)))) return take(task, body);
  conclude(task, answer, body);
}

/// The block is right.
void BlockFetch::take(Task& task, std::string_view body) {
  {
    const std::lock_guard lock(mutex_);
    if (!fetch_.isAsked(task.ask.request) || sink_ == nullptr) return;
  }
  auto taken = (*sink_)(task.ask.piece, body);
  const std::lock_guard lock(mutex_);
  if (!taken && !fatal_) fatal_ = std::move(taken.error());
  if (!fatal_) fetch_.arrived(task.ask.request, body.size(), now());
}

/// It is not.
void BlockFetch::conclude(Task& task, const Result<base::HttpResponse>& answer,
                          const std::string& body) {
  const std::lock_guard lock(mutex_);
  const auto request = task.ask.request;
  if (!answer && answer.error().category == ErrorCategory::Integrity) {
    return fetch_.lied(
        request,
        {ErrorCategory::Integrity,
         fmt::format("{} came with more bytes than a block can have", task.block.cid.text()),
         {}},
        now());
  }
  if (!answer) return fetch_.failed(request, answer.error(), std::nullopt, now());
  if (answer->connectTook > base::Duration::zero() && body.empty()) {
    fetch_.connected(request, answer->connectTook, now());
  }
  if (answer->status == 200) {
    return fetch_.lied(
        request,
        {ErrorCategory::Integrity, fmt::format("{} came wrong", task.block.cid.text()), {}}, now());
  }
  auto error = errorOfStatus(answer->status);
  if (isGap(answer->status)) return fetch_.missing(request, std::move(error), now());
  fetch_.failed(request, std::move(error),
                retryAfter(base::headerOf(answer->headers, "Retry-After")), now());
}

}  // namespace webpool::sources

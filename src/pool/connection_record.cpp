// What a connection tells the pool's observer: each launch once, when it has ended.
#include <algorithm>
#include <utility>

#include "pool/connection.h"

namespace webpool::pool {

void Connection::beginRecord() {
  if (!site_.observer) return;
  record_ = RecordedConnection{};
  record_->startedAt = std::chrono::system_clock::now();
  record_->connection = label_;
  record_->launch = life_->incarnation();
  record_->browser = name_;
  record_->trust = trust_;
}

void Connection::noteChange(const sched::Transition& change) {
  if (!record_) return;
  if (change.reason == sched::LifeReason::PageReady) {
    const auto known = facts();
    record_->connected = true;
    record_->launchMs = known.launchMs;
    record_->browserVersion = known.capabilities.version;
    record_->adapter = known.capabilities.webgpu;
    return;
  }
  const bool leaves = change.to == sched::LifeState::Draining ||
                      change.to == sched::LifeState::Recycling ||
                      change.to == sched::LifeState::Dead;
  if (!leaves) return;
  // The first reason is why; those that follow ("drained", "stopped") are how.
  if (record_->reason.empty()) {
    record_->reason = sched::lifeReasonName(change.reason);
    record_->detail = change.detail;
  }
  if (change.to == sched::LifeState::Dead) endRecord(record_->reason, record_->detail);
}

void Connection::noteAnswer(const Job& job, const Result<session::Answer>& answer) {
  if (!record_ || !job.isRun) return;
  const auto* result = answer ? std::get_if<wire::RunResult>(&*answer) : nullptr;
  if (result == nullptr) {
    ++record_->failedRuns;
    return;
  }
  ++record_->runs;
  record_->runMs += result->timings.runMs;
}

void Connection::noteMemory(std::uint64_t bytes) {
  if (record_) record_->peakMemory = std::max(record_->peakMemory.value_or(0), bytes);
}

void Connection::endRecord(std::string reason, std::string detail) {
  if (!record_) return;
  auto row = std::move(*record_);
  record_.reset();
  row.reason = std::move(reason);
  row.detail = std::move(detail);
  row.endedAt = std::chrono::system_clock::now();
  site_.observer->left(std::move(row));
}

}  // namespace webpool::pool

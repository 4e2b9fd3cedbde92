#include "sched/job_retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sched/blame.h"

namespace webpool::sched {

JobRetry::JobRetry(RetryOptions options) : options_(options) {
  options_.maxFailures = std::max(options_.maxFailures, 1u);
  options_.maxAttempts = std::max(options_.maxAttempts, 1u);
}

void JobRetry::admitted(JobId job) {
  jobs_.try_emplace(job);
}

bool JobRetry::placed(JobId job, ConnectionId connection) {
  const auto entry = jobs_.find(job);
  if (entry == jobs_.end() || entry->second.at) return false;
  entry->second.at = connection;
  ++entry->second.attempts;
  return true;
}

JobRetry::Entry JobRetry::find(JobId job, ConnectionId connection) {
  const auto entry = jobs_.find(job);
  if (entry != jobs_.end() && entry->second.at == connection) return entry;
  ++counters_.lateReplies;
  return jobs_.end();
}

bool JobRetry::answered(JobId job, ConnectionId connection) {
  const auto entry = find(job, connection);
  if (entry == jobs_.end()) return false;
  jobs_.erase(entry);
  return true;
}

std::optional<RetryDecision> JobRetry::failed(JobId job, ConnectionId connection,
                                              const Error& error) {
  const auto entry = find(job, connection);
  if (entry == jobs_.end()) return std::nullopt;
  if (!mayMove(error.category)) return giveUp(entry, error);
  auto& failures = entry->second.failures;
  failures.push_back({connection, error});
  if (failures.size() >= options_.maxFailures) return giveUp(entry, verdict(entry->second));
  return retry(entry);
}

std::optional<RetryDecision> JobRetry::handedBack(JobId job, ConnectionId connection) {
  const auto entry = find(job, connection);
  if (entry == jobs_.end()) return std::nullopt;
  return retry(entry);
}

bool JobRetry::withdrawn(JobId job) {
  return jobs_.erase(job) > 0;
}

RetryDecision JobRetry::retry(Entry entry) {
  auto& job = entry->second;
  if (job.attempts >= options_.maxAttempts) {
    return giveUp(entry, {ErrorCategory::WorkerLost,
                          fmt::format("the job was placed {} times, and no browser stayed long "
                                      "enough to answer it",
                                      job.attempts),
                          "give browsers more time before they are replaced, or split the job"});
  }
  ++counters_.retries;
  job.at.reset();
  Retry decision;
  for (const auto& failure : job.failures) {
    if (std::ranges::find(decision.excluding, failure.connection) == decision.excluding.end()) {
      decision.excluding.push_back(failure.connection);
    }
  }
  return decision;
}

RetryDecision JobRetry::giveUp(Entry entry, Error error) {
  jobs_.erase(entry);
  return GiveUp{std::move(error)};
}

Error JobRetry::verdict(const Job& job) const {
  if (job.failures.size() == 1) return job.failures.front().error;
  const bool allMemory = std::ranges::all_of(job.failures, [](const Failure& failure) {
    return failure.error.category == ErrorCategory::OutOfMemory;
  });
  std::string each;
  for (const auto& failure : job.failures) {
    each += fmt::format("{}connection {}: {}", each.empty() ? "" : "; ", failure.connection,
                        failure.error.message);
  }
  const auto count = job.failures.size();
  if (allMemory) {
    return {ErrorCategory::OutOfMemory,
            fmt::format("{} browsers had no memory for this job ({})", count, each),
            "use a smaller dtype, or smaller inputs"};
  }
  return {
      ErrorCategory::WorkerLost,
      fmt::format("{} browsers were lost under this job, and it gets no other ({})", count, each),
      "the model or its input may crash the browser; try another backend or dtype"};
}

}  // namespace webpool::sched

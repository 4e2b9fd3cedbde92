// What becomes of a job whose connection died, and that each job gets exactly one reply. A job that
// kills what it runs on must not go round the pool until nothing is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sched/ids.h"
#include "webpool/error.h"

namespace webpool::sched {

struct RetryOptions {
  unsigned maxFailures = 2;   ///< connections that may be lost under one job
  unsigned maxAttempts = 10;  ///< placements, those that were handed back included
};

/// Place the job again. Where only the excluded are left, one of them will do once it has been
/// launched anew.
struct Retry {
  std::vector<ConnectionId> excluding;  ///< those that failed under it
};
/// Give the caller this error; the job is over.
struct GiveUp {
  Error error;
};
using RetryDecision = std::variant<Retry, GiveUp>;

/// The jobs of a pool that have no reply yet. Not thread-safe.
class JobRetry {
 public:
  struct Counters {
    std::uint64_t retries = 0;
    std::uint64_t lateReplies = 0;  ///< doubled, after the end, or from a place it had left
  };

  explicit JobRetry(RetryOptions options = {});

  /// A new job, that is to be placed.
  void admitted(JobId job);

  /// Asked before the job is sent to this connection, for the first time or after a Retry. False:
  /// it is over, or placed already, and must not be sent.
  [[nodiscard]] bool placed(JobId job, ConnectionId connection);

  /// True: this is the job's one reply, the job is over. False: drop it.
  [[nodiscard]] bool answered(JobId job, ConnectionId connection);

  /// The job failed there. nullopt: late, drop it.
  [[nodiscard]] std::optional<RetryDecision> failed(JobId job, ConnectionId connection,
                                                    const Error& error);

  /// The connection gave it back without a fault of either (GiveBackJobs, not died). nullopt: late.
  [[nodiscard]] std::optional<RetryDecision> handedBack(JobId job, ConnectionId connection);

  /// The caller gave up, or the job's deadline passed. True: the job is over and the caller is to
  /// be told. False: it was over.
  [[nodiscard]] bool withdrawn(JobId job);

  std::size_t open() const noexcept { return jobs_.size(); }
  const Counters& counters() const noexcept { return counters_; }

 private:
  struct Failure {
    ConnectionId connection = 0;
    Error error;
  };
  struct Job {
    std::optional<ConnectionId> at;  ///< none between two placements
    unsigned attempts = 0;
    std::vector<Failure> failures;
  };
  using Entry = std::map<JobId, Job>::iterator;

  /// The job if it is there now; otherwise the reply is counted as late.
  Entry find(JobId job, ConnectionId connection);
  RetryDecision retry(Entry entry);
  RetryDecision giveUp(Entry entry, Error error);
  Error verdict(const Job& job) const;

  RetryOptions options_;
  std::map<JobId, Job> jobs_;
  Counters counters_;
};

}  // namespace webpool::sched

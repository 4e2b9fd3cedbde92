// What a model's queue holds: a piece of work with the callers that wait for its answer, and the
// pieces that one run of a browser does together.
#pragma once

#include <algorithm>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pool/replica.h"
#include "sched/request_queue.h"
#include "webpool/model.h"

namespace webpool::pool {

/// One call, until it has its reply.
struct Caller {
  std::uint64_t id = 0;
  RunOptions options{};
  base::TimePoint began{};
  std::function<void(Result<Inference>)> done{};
  std::optional<std::stop_callback<std::function<void()>>> stop{};

  base::TimePoint deadline() const { return began + options.timeout; }
};

struct Batch;

/// One or more equal calls, over all tries.
struct Work {
  sched::QueuedJob queued{};
  std::string key{};  ///< of its answer (BatchRules::answerKey())
  std::vector<Tensor> inputs{};
  boost::json::object parameters{};
  std::string conversation{};
  std::uint64_t length = 0;  ///< bytes of its longest item, for the prediction
  unsigned maxBatch = 0;     ///< of a run with it; 0: the pool's
  base::TimePoint began{};   ///< its first caller came
  std::vector<std::shared_ptr<Caller>> callers{};
  std::vector<std::uint64_t> avoid{};  ///< the pages that were lost under it
  unsigned tries = 0;
  std::uint64_t runItems = 0;                 ///< of the run that it was last in
  std::optional<base::Duration> predicted{};  ///< of that run
  bool toldParts = false;                     ///< a caller has part of an answer
  std::shared_ptr<Batch> in{};                ///< while it is in a browser
  std::shared_ptr<Replica> sentTo{};          ///< at last

  base::TimePoint deadline() const {
    base::TimePoint latest{};
    for (const auto& caller : callers) latest = std::max(latest, caller->deadline());
    return latest;
  }
};

/// A call that a run can be tried with, whose answer nobody wants.
struct Sample {
  std::vector<Tensor> inputs{};
  boost::json::object parameters{};
  sched::RunSize size{};
};

/// The second run of a batch whose first one is late: the first answer counts.
struct SecondRun {
  std::shared_ptr<Replica> replica;
  WorkerHealth::Ticket ticket;
  Backlog::Id inBacklog = 0;
  base::TimePoint sentAt{};
  base::Duration expected{};
  bool ended = false;
};

/// One run.
struct Batch {
  std::vector<std::shared_ptr<Work>> works;
  std::shared_ptr<Replica> replica;
  std::uint64_t incarnation = 0;
  WorkerHealth::Ticket ticket;
  sched::RunSize size{};
  Backlog::Id inBacklog = 0;
  std::stop_source stop{};      ///< ends the run in the browser, and the second one
  std::stop_source unwanted{};  ///< drops them where they have not begun
  base::TimePoint sentAt{};
  base::Duration expected{};            ///< from its being sent
  std::shared_ptr<SecondRun> second{};  ///< none: not late, or not to be run twice
  std::optional<Error> firstError{};    ///< of the first run, while the second one may still answer
  bool firstDied = false;
  bool over = false;  ///< it has its answer: what comes now is dropped

  /// Its one caller is told by the run itself when it was ended.
  bool isOfOneCaller() const { return works.size() == 1 && works.front()->callers.size() == 1; }
  bool isWanted() const {
    return std::ranges::any_of(works, [](const auto& work) { return !work->callers.empty(); });
  }
  /// All items, each as long as the longest.
  sched::RunSize runSize() const {
    sched::RunSize all{.items = 0, .length = 0};
    for (const auto& work : works) {
      all.items += double(work->queued.items);
      all.length = std::max(all.length, double(work->length));
    }
    return all;
  }
  std::vector<std::uint64_t> items() const {
    std::vector<std::uint64_t> all;
    for (const auto& work : works) all.push_back(work->queued.items);
    return all;
  }
};

}  // namespace webpool::pool

// What the life of a connection is made of: its states, the reasons for which it changes them, and
// what it asks the shell to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "sched/ids.h"
#include "webpool/error.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

enum class LifeState {
  Starting,   ///< the shell was asked to launch
  Probing,    ///< the process runs; its page is to connect and to say what it can do
  Gated,      ///< the page is there; nothing has proved yet that its answers are right
  Ready,      ///< proved, and no job is open
  Busy,       ///< jobs are open
  Draining,   ///< open jobs may end, no new one comes
  Recycling,  ///< the shell was asked to end the process
  Dead,       ///< no process: for ever, or until the next launch
};

enum class LifeReason {
  LaunchBegan,
  LaunchFailed,
  LaunchTimedOut,
  PageReady,
  GatePassed,
  HealthPassed,
  JobBegan,
  JobsEnded,
  HeartbeatLost,
  ProcessEnded,
  HealthFailed,
  TooOld,
  TooManyJobs,
  MemoryGrown,
  DeviceLost,
  Errors,
  Asked,     ///< recycleAsked()
  EndAsked,  ///< endAsked()
  Drained,   ///< the last open job ended, or the page holds none any more
  DrainTimedOut,
  Stopped,
  Relaunch,  ///< the back-off is over
};

/// Stable, for statistics: "starting", "too_old".
std::string_view lifeStateName(LifeState state) noexcept;
std::string_view lifeReasonName(LifeReason reason) noexcept;

/// A change of state.
struct Transition {
  LifeState from = LifeState::Starting;
  LifeState to = LifeState::Starting;
  LifeReason reason = LifeReason::LaunchBegan;
  TimePoint at{};
  std::string detail;  ///< for a log: "1.2 GB above the baseline"; may be empty
};

// What the shell does, in this order.

/// Start the browser. Answer with launchBegan() or launchFailed().
struct Launch {
  std::uint64_t incarnation = 1;  ///< counts the launches
};

/// Nothing runs until then; tick() asks for the launch.
struct RelaunchAt {
  TimePoint at{};
};

/// Tell the page to take no more work. Answer with drained() when it has answered; the ends of the
/// jobs alone do as well.
struct Drain {
  TimePoint deadline{};
};

/// These jobs get no answer from here: run them elsewhere. The process is gone, or Stop follows.
struct GiveBackJobs {
  std::vector<JobId> jobs;
  /// True: the connection died under them, and they may be why (job_retry.h counts it). False: only
  /// the time for draining was over, or the page never got them.
  bool died = false;
  Error cause;
};

/// End the process and whatever launch is under way. Answer with stopped() when nothing runs any
/// more.
struct Stop {
  bool force = false;  ///< the last Stop was not answered in time
};

/// The process of the old incarnation is gone; the next one follows.
struct Recycled {
  LifeReason reason = LifeReason::Asked;
};

/// Run a tiny real inference. Answer with healthChecked().
struct CheckHealth {};

/// Last of all: nothing runs, and nothing will.
struct Ended {
  std::optional<Error> cause;  ///< none when it was asked to end
};

using LifeAction = std::variant<Transition, Launch, RelaunchAt, Drain, GiveBackJobs, Stop, Recycled,
                                CheckHealth, Ended>;

}  // namespace webpool::sched

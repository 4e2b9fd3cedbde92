#include "sched/life_events.h"

namespace webpool::sched {

std::string_view lifeStateName(LifeState state) noexcept {
  switch (state) {
    case LifeState::Starting:
      return "starting";
    case LifeState::Probing:
      return "probing";
    case LifeState::Gated:
      return "gated";
    case LifeState::Ready:
      return "ready";
    case LifeState::Busy:
      return "busy";
    case LifeState::Draining:
      return "draining";
    case LifeState::Recycling:
      return "recycling";
    case LifeState::Dead:
      return "dead";
  }
  return "dead";
}

std::string_view lifeReasonName(LifeReason reason) noexcept {
  switch (reason) {
    case LifeReason::LaunchBegan:
      return "launch_began";
    case LifeReason::LaunchFailed:
      return "launch_failed";
    case LifeReason::LaunchTimedOut:
      return "launch_timed_out";
    case LifeReason::PageReady:
      return "page_ready";
    case LifeReason::GatePassed:
      return "gate_passed";
    case LifeReason::HealthPassed:
      return "health_passed";
    case LifeReason::JobBegan:
      return "job_began";
    case LifeReason::JobsEnded:
      return "jobs_ended";
    case LifeReason::HeartbeatLost:
      return "heartbeat_lost";
    case LifeReason::ProcessEnded:
      return "process_ended";
    case LifeReason::HealthFailed:
      return "health_failed";
    case LifeReason::TooOld:
      return "too_old";
    case LifeReason::TooManyJobs:
      return "too_many_jobs";
    case LifeReason::MemoryGrown:
      return "memory_grown";
    case LifeReason::DeviceLost:
      return "device_lost";
    case LifeReason::Errors:
      return "errors";
    case LifeReason::Asked:
      return "asked";
    case LifeReason::EndAsked:
      return "end_asked";
    case LifeReason::Drained:
      return "drained";
    case LifeReason::DrainTimedOut:
      return "drain_timed_out";
    case LifeReason::Stopped:
      return "stopped";
    case LifeReason::Relaunch:
      return "relaunch";
  }
  return "stopped";
}

}  // namespace webpool::sched

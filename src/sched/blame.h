// Which failures say something about the place where a job ran, and which only about the job: a
// caller's wrong tensor must not take a healthy browser out of service.
#pragma once

#include "webpool/error.h"

namespace webpool::sched {

/// True where the worker, its browser or its device is at fault. False for the caller's own
/// mistakes and choices: a cancel, a deadline that the caller set, an input that the model does not
/// take.
bool blamesWorker(ErrorCategory category) noexcept;

/// True where only known inputs can tell whether the worker or what it was given is at fault: a
/// runtime that breaks off a run seldom says which.
bool isDoubtful(ErrorCategory category) noexcept;

/// True where the job itself can be right and another connection may answer it.
bool mayMove(ErrorCategory category) noexcept;

}  // namespace webpool::sched

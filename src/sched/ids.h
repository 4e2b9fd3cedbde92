// The names by which the machines of this folder speak of what the pool owns.
#pragma once

#include <cstdint>

namespace webpool::sched {

/// A browser process or joined device, over all its relaunches; chosen by the pool, never used
/// twice.
using ConnectionId = std::uint64_t;

/// What one caller asked for: an inference, or a load. Never used twice.
using JobId = std::uint64_t;

/// A model in one worker of one connection. Never used twice.
using ResidentId = std::uint64_t;

}  // namespace webpool::sched

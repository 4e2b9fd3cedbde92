// Handlers answer on the loop thread; the pool's answers come on its own threads.
#pragma once

#include <functional>

#include "net/event_loop.h"
#include "net/http_types.h"

namespace webpool::net {

/// A `respond` that any thread may call and let go of: both are done on the loop thread, at once
/// where the caller is on it. The loop must outlive every copy.
std::function<void(Response)> fromAnyThread(EventLoop& loop, std::function<void(Response)> respond);

}  // namespace webpool::net

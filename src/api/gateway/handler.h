// The gateway behind net's server.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "api/gateway/routing.h"
#include "api/gateway/source.h"
#include "base/clock.h"
#include "net/event_loop.h"
#include "net/http_types.h"

namespace webpool::api::gateway {

struct GatewayLimits {
  unsigned threads = 2;  ///< that begin answers, and as many that read the bodies that go on
  /// Bytes in memory for clients that read slowly, of all bodies together: above, each waits with a
  /// piece of a few hundred KiB.
  std::size_t waiting = 64u << 20;
  /// Bodies under way. One more takes the place of that whose client has read nothing for the
  /// longest time, and at least for `stalled`; 503 where there is none.
  std::size_t bodies = 512;
  base::Duration stalled = std::chrono::seconds(5);
};

/// Reads on threads of its own, so that a slow disk holds nobody else; a body is read piece by
/// piece, so that a large one holds no small one. Made, called and destroyed on the loop's thread
/// (or while the loop does not run); the loop must outlive it.
net::Handler gatewayHandler(std::shared_ptr<Source> source, net::EventLoop& loop,
                            const GatewayLimits& limits = {});

/// answerRouting() on a thread of its own.
net::Handler routingHandler(std::shared_ptr<Source> source, Provider self, net::EventLoop& loop);

}  // namespace webpool::api::gateway

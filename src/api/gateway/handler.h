// The gateway behind net's server.
#pragma once

#include <memory>

#include "api/gateway/routing.h"
#include "api/gateway/source.h"
#include "net/event_loop.h"
#include "net/http_types.h"

namespace webpool::api::gateway {

/// Reads on `threads` of its own, so that a slow disk holds nobody else; a body that its client
/// does not read waits and costs a few MiB. Made, called and destroyed on the loop's thread (or
/// while the loop does not run); the loop must outlive it.
net::Handler gatewayHandler(std::shared_ptr<Source> source, net::EventLoop& loop,
                            unsigned threads = 2);

/// answerRouting() on a thread of its own.
net::Handler routingHandler(std::shared_ptr<Source> source, Provider self, net::EventLoop& loop);

}  // namespace webpool::api::gateway

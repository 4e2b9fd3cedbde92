// The pool of a running `webpool serve`, behind the public handles.
#pragma once

#include <memory>
#include <string>

#include "base/provider.h"

namespace webpool::remote {

/// The server that a pool with these options is: `url`, else $WEBPOOL_URL; empty for none.
std::string serverOf(const PoolOptions& options);

/// Asks who is there. Of the options only `token` and `notice` count.
Result<std::shared_ptr<ResourcePool::Provider>> openRemotePool(const std::string& url,
                                                               const PoolOptions& options);

}  // namespace webpool::remote

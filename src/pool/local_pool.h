// A pool of this process's own browsers, behind the public handles.
#pragma once

#include <memory>

#include "base/provider.h"

namespace webpool::pool {

Result<std::shared_ptr<ResourcePool::Provider>> openLocalPool(PoolOptions options);

}  // namespace webpool::pool

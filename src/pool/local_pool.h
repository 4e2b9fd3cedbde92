// A pool of this process's own browsers, behind the public handles.
#pragma once

#include <memory>

#include "base/provider.h"

namespace webpool::pool {

/// A public handle of a model that is open.
Model handleOf(std::shared_ptr<Model::State> state);

Result<std::shared_ptr<ResourcePool::Provider>> openLocalPool(PoolOptions options);

}  // namespace webpool::pool

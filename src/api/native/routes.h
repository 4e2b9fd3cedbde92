// What programs whose pool is this one call (src/remote): all that a pool of their own would tell
// them, which no foreign protocol carries. docs/serving.md, "A pool for other programs".
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/front.h"
#include "webpool/pool.h"

namespace webpool::api::native {

/// Outlives the requests. Destroyed once the pool is closed: it waits for what asks it.
class NativeApi {
 public:
  /// `served`: the models as they are loaded where nobody asks for more than a name. `knows`:
  /// whether a request may have that name loaded; any thread.
  NativeApi(ResourcePool& pool, ServedModels& served,
            std::function<bool(const std::string& name)> knows);
  ~NativeApi();
  NativeApi(const NativeApi&) = delete;
  NativeApi& operator=(const NativeApi&) = delete;

  void addRoutes(Front& front);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace webpool::api::native

// What clients ask of the model repository extension of the Open Inference Protocol. Pure.
#pragma once

#include <string_view>

#include "webpool/error.h"

namespace webpool::api::oip {

// A body that is empty asks as {} does; InvalidInput names what is no JSON, a field that is not
// known, and one that is of the wrong kind.

/// Of the index: whether only models that are ready are asked for.
Result<bool> parseIndex(std::string_view body);

/// Of a load: InvalidInput also for `config` and `file:…`, as a model is what the server's store
/// has.
Result<void> parseLoad(std::string_view body);

/// Of an unload: `unload_dependents` is taken, as no model here has any.
Result<void> parseUnload(std::string_view body);

}  // namespace webpool::api::oip

// What a model does by itself, for a person who asked it for something else.
#pragma once

#include <string_view>

#include "webpool/model.h"

namespace webpool::cli {

/// The task of a model that was described without one; of a graph of the catalogue the one that the
/// catalogue knows an answer for, if there is such a task. "tensors" where nothing more is known.
std::string_view ownTask(const ModelDescription& description);

}  // namespace webpool::cli

// Texts as the input of a text task.
#pragma once

#include <span>
#include <string>

#include "webpool/tensor.h"

namespace webpool::pool {

/// InvalidArgument for none, InvalidInput for one that is not UTF-8.
Result<void> checkTexts(std::span<const std::string> texts);

/// BYTES [n], named "text".
Tensor textTensor(std::span<const std::string> texts);

}  // namespace webpool::pool

// What a progress line says.
#pragma once

#include <string>

#include "webpool/options.h"

namespace webpool::cli {

/// 79 columns at most: the step, shortened where it has to be, and a whole bar.
std::string progressText(const Progress& progress);

}  // namespace webpool::cli

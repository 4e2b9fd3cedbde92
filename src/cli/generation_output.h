// Answers of a language model as a person reads them and as JSON.
#pragma once

#include <boost/json/object.hpp>

#include "webpool/generation.h"

namespace webpool::cli {

boost::json::object toJson(const Generation& answer);

/// After its text: the calls of tools, and how many tokens took how long.
void printRest(const Generation& answer);

}  // namespace webpool::cli

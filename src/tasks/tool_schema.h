// A tool's parameters as llama.cpp can make a grammar of them: what it can't it refuses in words
// that name nothing, and references are among that. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "webpool/error.h"

namespace webpool::tasks {

/// The schema with what its references lead to in their place. InvalidInput names the tool, the key
/// and what is wrong with it; what llama.cpp passes over is not looked at.
Result<boost::json::object> toolSchema(std::string_view tool, const boost::json::object& schema);

}  // namespace webpool::tasks

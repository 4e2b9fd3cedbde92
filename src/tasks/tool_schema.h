// Whether a tool's parameters are a JSON schema that llama.cpp can make a grammar of: what it can't
// it refuses in words that name nothing. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "webpool/error.h"

namespace webpool::tasks {

/// InvalidInput names the tool, the key and what is wrong with it. What llama.cpp passes over is
/// not looked at.
Result<void> checkToolSchema(std::string_view tool, const boost::json::object& schema);

}  // namespace webpool::tasks

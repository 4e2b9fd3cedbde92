// The JSON part of a frame: parsed strictly (docs/protocol.md), written so that every reader takes
// it.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "webpool/error.h"
#include "wire/limits.h"

namespace webpool::wire {

/// A breach of the protocol: "code: detail", where `code` is one of docs/protocol.md.
Error fault(std::string_view code, std::string_view detail);

Result<boost::json::object> parseHeader(std::string_view text, const Limits& limits);

/// InvalidArgument where a string is not UTF-8.
Result<std::string> serializeHeader(const boost::json::object& header);

}  // namespace webpool::wire

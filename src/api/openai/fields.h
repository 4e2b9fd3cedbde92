// Fields of requests and answers that chat and plain completions share. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "webpool/generation.h"

namespace webpool::api::openai {

/// InvalidArgument
std::unexpected<Error> wrong(std::string message);

/// InvalidArgument for what is no JSON object.
Result<boost::json::object> objectOf(std::string_view body);

/// Null where it is missing or null.
const boost::json::value* given(const boost::json::object& object, std::string_view name);
/// Empty where it is no text.
std::string textOf(const boost::json::object& object, std::string_view name);
/// False where it is missing; InvalidArgument for what is neither true nor false.
Result<bool> flagOf(const boost::json::object& object, std::string_view name);
Result<std::optional<double>> numberOf(const boost::json::object& object, std::string_view name,
                                       double least, double most);

/// `stop`
Result<void> readStop(const boost::json::object& object, GenerationOptions& options);
/// `temperature`, `top_p`, `seed`, `max_tokens`; Unsupported for `n` above 1.
Result<void> readNumbers(const boost::json::object& object, GenerationOptions& options);

struct Streaming {
  bool stream = false;
  bool includeUsage = false;  ///< stream_options.include_usage
};
Result<Streaming> readStreaming(const boost::json::object& object);

/// What every body of one answer repeats.
struct AnswerHead {
  std::string id;  ///< "chatcmpl-…", "cmpl-…"
  std::string model;
  std::int64_t created = 0;  ///< seconds since 1970
};

boost::json::object bodyOf(const AnswerHead& answer, std::string_view object,
                           boost::json::array choices);
/// "data: …", as server-sent events are written.
std::string eventOf(const boost::json::object& body);

boost::json::object usageOf(const Generation& generation);
/// "stop", "length" or "tool_calls"
std::string_view finishOf(const Generation& generation);

}  // namespace webpool::api::openai

// Fields of requests and answers that chat and plain completions share. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pipelines/generation_json.h"

namespace webpool::api::openai {

/// InvalidArgument
std::unexpected<Error> wrong(std::string message);

/// InvalidArgument for what is no JSON object.
Result<boost::json::object> objectOf(std::string_view body);

using pipelines::given;
using pipelines::numberOf;
using pipelines::textOf;
using pipelines::wholeNumberOf;
/// False where it is missing; InvalidArgument for what is neither true nor false.
Result<bool> flagOf(const boost::json::object& object, std::string_view name);

/// InvalidArgument for a name that is none of `known`: what is not read must not be left out.
Result<void> refuseUnknown(const boost::json::object& object,
                           std::span<const std::string_view> known);
/// Unsupported for penalties and `logit_bias`, where they would change the answer.
Result<void> refuseBiases(const boost::json::object& object);
/// `user`: who is asked for, for a fair share; empty where nobody is named. InvalidArgument.
Result<std::string> userOf(const boost::json::object& object);

/// `temperature`, `top_p`, `top_k`, `seed`, `max_tokens`; Unsupported for `n` above 1.
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

// Conversations, tools and how an answer is wanted, as OpenAI's chat completions write them in
// JSON: one form for HTTP and for programs. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/generation.h"

namespace webpool::pipelines {

/// Null where it is missing or null.
const boost::json::value* given(const boost::json::object& object, std::string_view name);
/// Empty where it is no text.
std::string textOf(const boost::json::object& object, std::string_view name);
/// Nothing where it is missing; InvalidArgument for what is no number from `least` to `most`.
Result<std::optional<double>> numberOf(const boost::json::object& object, std::string_view name,
                                       double least, double most);

/// Likewise for what counts: 4 and 4.0, not 4.5.
Result<std::optional<double>> wholeNumberOf(const boost::json::object& object,
                                            std::string_view name, double least, double most);

/// {"role", "content", "tool_calls", "tool_call_id"}; content is a text, a list of parts of type
/// "text", or missing. InvalidArgument for what is no message, Unsupported for parts of other
/// types.
Result<Message> messageFromJson(const boost::json::value& value);

/// `tools` and `tool_choice` ("auto", "none", "required", or {"type": "function", "function":
/// {"name"}}: then that tool alone is offered, and must be called). InvalidArgument.
Result<void> readTools(const boost::json::object& object, GenerationOptions& options);
/// `stop`: a text or a list of texts. InvalidArgument.
Result<void> readStop(const boost::json::object& object, GenerationOptions& options);
/// `temperature`, `top_p`, `seed`, `max_tokens` (or `max_completion_tokens`), where they are
/// there. InvalidArgument.
Result<void> readSampling(const boost::json::object& object, GenerationOptions& options);

/// [{"id", "type", "function": {"name", "arguments"}}]
boost::json::array toJson(std::span<const ToolCall> calls);
boost::json::array toJson(std::span<const Message> messages);
boost::json::array toJson(std::span<const Tool> tools);

}  // namespace webpool::pipelines

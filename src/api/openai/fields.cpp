#include "api/openai/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "api/openai/errors.h"

namespace webpool::api::openai {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCategory::InvalidArgument, std::move(message));
}

Result<json::object> objectOf(std::string_view body) {
  boost::system::error_code error;
  auto parsed = json::parse(body, error);
  if (error) return wrong("the request is no JSON: " + error.message());
  if (!parsed.is_object()) return wrong("the request is no JSON object");
  return std::move(parsed.get_object());
}

Result<bool> flagOf(const json::object& object, std::string_view name) {
  const auto* value = given(object, name);
  if (value == nullptr) return false;
  if (!value->is_bool()) return wrong(fmt::format("{}: neither true nor false", name));
  return value->get_bool();
}

Result<void> refuseUnknown(const json::object& object, std::span<const std::string_view> known) {
  for (const auto& [key, value] : object) {
    const std::string_view name = key;
    if (value.is_null() || std::ranges::find(known, name) != known.end()) continue;
    return fail(ErrorCategory::InvalidArgument, fmt::format("{}: {}", name, kNoSuchParameter),
                "leave it out; /openapi.json lists what can be asked");
  }
  return {};
}

Result<void> refuseBiases(const json::object& object) {
  if (const auto* bias = given(object, "logit_bias");
      bias != nullptr && !(bias->is_object() && bias->get_object().empty())) {
    return fail(ErrorCategory::Unsupported, "logit_bias: tokens can't be favoured");
  }
  for (const auto* name : {"presence_penalty", "frequency_penalty"}) {
    const auto penalty = numberOf(object, name, -2, 2);
    if (!penalty) return std::unexpected(penalty.error());
    if (penalty->value_or(0) != 0) {
      return fail(ErrorCategory::Unsupported, fmt::format("{}: only 0", name));
    }
  }
  return {};
}

Result<std::string> userOf(const json::object& object) {
  const auto* user = given(object, "user");
  if (user == nullptr) return std::string();
  if (!user->is_string()) return wrong("user: no text");
  return std::string(user->get_string());
}

Result<void> readNumbers(const json::object& object, GenerationOptions& options) {
  options.temperature = 1;  // OpenAI's default
  if (auto read = pipelines::readSampling(object, options); !read) return read;
  const auto topK = wholeNumberOf(object, "top_k", 1, 1e6);
  if (!topK) return std::unexpected(topK.error());
  if (*topK) options.topK = static_cast<unsigned>(**topK);
  const auto several = wholeNumberOf(object, "n", 1, 128);
  if (!several) return std::unexpected(several.error());
  if (several->value_or(1) > 1) return fail(ErrorCategory::Unsupported, "n: one answer a request");
  return {};
}

Result<Streaming> readStreaming(const json::object& object) {
  Streaming streaming;
  const auto stream = flagOf(object, "stream");
  if (!stream) return std::unexpected(stream.error());
  streaming.stream = *stream;
  const auto* options = given(object, "stream_options");
  if (options == nullptr) return streaming;
  if (!options->is_object()) return wrong("stream_options: no object");
  const auto usage = flagOf(options->get_object(), "include_usage");
  if (!usage) return std::unexpected(usage.error());
  streaming.includeUsage = *usage;
  return streaming;
}

json::object bodyOf(const AnswerHead& answer, std::string_view object, json::array choices) {
  return {{"id", answer.id},
          {"object", object},
          {"created", answer.created},
          {"model", answer.model},
          {"choices", std::move(choices)}};
}

std::string eventOf(const json::object& body) {
  return "data: " + json::serialize(body) + "\n\n";
}

json::object usageOf(const Generation& generation) {
  return {{"prompt_tokens", generation.promptTokens},
          {"completion_tokens", generation.generatedTokens},
          {"total_tokens", generation.promptTokens + generation.generatedTokens},
          {"prompt_tokens_details", {{"cached_tokens", generation.cachedTokens}}}};
}

/// "cancelled" is no reason of OpenAI's, and nobody is left to read it.
std::string_view finishOf(const Generation& generation) {
  switch (generation.finish) {
    case FinishReason::Length:
      return "length";
    case FinishReason::ToolCalls:
      return "tool_calls";
    case FinishReason::Stop:
    case FinishReason::Cancelled:
      break;
  }
  return "stop";
}

}  // namespace webpool::api::openai

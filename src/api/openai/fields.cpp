#include "api/openai/fields.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>

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

const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::optional<double>> numberOf(const json::object& object, std::string_view name,
                                       double least, double most) {
  const auto* value = given(object, name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto read = value->to_number<double>(error);
  if (error || !(read >= least && read <= most)) {
    return wrong(fmt::format("{}: no number from {} to {}", name, least, most));
  }
  return read;
}

std::string textOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string{} : std::string(*text);
}

Result<bool> flagOf(const json::object& object, std::string_view name) {
  const auto* value = given(object, name);
  if (value == nullptr) return false;
  if (!value->is_bool()) return wrong(fmt::format("{}: neither true nor false", name));
  return value->get_bool();
}

Result<void> readStop(const json::object& object, GenerationOptions& options) {
  const auto* stop = given(object, "stop");
  if (stop == nullptr) return {};
  if (const auto* one = stop->if_string()) {
    options.stop.emplace_back(*one);
    return {};
  }
  if (!stop->is_array()) return wrong("stop: not a text or a list of texts");
  for (const auto& text : stop->get_array()) {
    if (!text.is_string()) return wrong("stop: not a text or a list of texts");
    options.stop.emplace_back(text.get_string());
  }
  return {};
}

Result<void> readNumbers(const json::object& object, GenerationOptions& options) {
  const auto temperature = numberOf(object, "temperature", 0, 2);
  if (!temperature) return std::unexpected(temperature.error());
  options.temperature = temperature->value_or(1);  // OpenAI's default
  const auto topP = numberOf(object, "top_p", 0, 1);
  if (!topP) return std::unexpected(topP.error());
  options.topP = *topP;
  const auto seed = numberOf(object, "seed", 0, std::numeric_limits<std::uint32_t>::max() - 1);
  if (!seed) return std::unexpected(seed.error());
  if (*seed) options.seed = static_cast<std::uint32_t>(**seed);
  for (const auto* name : {"max_tokens", "max_completion_tokens"}) {
    const auto most = numberOf(object, name, 1, 1e6);
    if (!most) return std::unexpected(most.error());
    if (*most) options.maxTokens = static_cast<unsigned>(**most);
  }
  const auto several = numberOf(object, "n", 1, 128);
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

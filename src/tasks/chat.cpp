#include "tasks/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "tasks/tool_schema.h"
#include "wire/utf8.h"

namespace webpool::tasks {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> kRoles{"system", "user", "assistant", "tool"};

json::object toJson(const Message& message) {
  json::object object{{"role", message.role}, {"content", message.content}};
  if (!message.toolCallId.empty()) object["tool_call_id"] = message.toolCallId;
  if (message.toolCalls.empty()) return object;
  json::array calls;
  for (const auto& call : message.toolCalls) {
    calls.push_back(json::object{
        {"id", call.id},
        {"type", "function"},
        {"function", json::object{{"name", call.name}, {"arguments", call.arguments}}}});
  }
  object["tool_calls"] = std::move(calls);
  return object;
}

Result<json::object> toJson(const Tool& tool) {
  const auto& [name, description, parameters] = tool;
  if (name.empty()) return fail(ErrorCategory::InvalidInput, "a tool has no name", "name it");
  for (const auto* text : {&name, &description, &parameters}) {
    if (wire::isValidUtf8(*text)) continue;
    return fail(ErrorCategory::InvalidInput,
                fmt::format("the tool '{}' has a text that is not valid UTF-8",
                            wire::isValidUtf8(name) ? name : "?"),
                "convert it to UTF-8");
  }
  json::object schema{{"type", "object"}, {"properties", json::object{}}};
  if (!tool.parameters.empty()) {
    boost::system::error_code error;
    auto parsed = json::parse(tool.parameters, error);
    if (error || !parsed.is_object()) {
      return fail(ErrorCategory::InvalidInput,
                  fmt::format("the tool '{}': parameters are no JSON object", tool.name),
                  R"(give a JSON schema: {"type": "object", "properties": {…}})");
    }
    auto right = toolSchema(name, parsed.get_object());
    if (!right) return std::unexpected(right.error());
    schema = std::move(*right);
  }
  return json::object{{"type", "function"},
                      {"function", json::object{{"name", tool.name},
                                                {"description", tool.description},
                                                {"parameters", std::move(schema)}}}};
}

std::unexpected<Error> wrongAnswer(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("the page's answer has {}", what));
}

std::uint64_t count(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() && value->get_int64() > 0
             ? static_cast<std::uint64_t>(value->get_int64())
             : 0;
}

double milliseconds(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

std::string textOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

FinishReason finishOf(const std::string& name, bool callsTools) {
  if (name == "length") return FinishReason::Length;  // a call may be cut off too
  return callsTools || name == "tool_calls" ? FinishReason::ToolCalls : FinishReason::Stop;
}

}  // namespace

Result<Tensor> messagesTensor(const std::vector<Message>& messages) {
  if (messages.empty()) {
    return fail(ErrorCategory::InvalidArgument, "there is no message to answer",
                "give one of role \"user\"");
  }
  std::string bytes;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& message = messages[i];
    if (std::ranges::find(kRoles, message.role) == kRoles.end()) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("message {} has the role '{}'", i + 1, message.role),
                  "one of system, user, assistant, tool");
    }
    if (!wire::isValidUtf8(message.content)) {
      return fail(ErrorCategory::InvalidInput, fmt::format("message {} is not valid UTF-8", i + 1),
                  "convert it to UTF-8, for example with iconv");
    }
    const auto text = json::serialize(toJson(message));
    const auto length = static_cast<std::uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
    bytes += text;
  }
  return Tensor{"messages",
                DataType::Bytes,
                {static_cast<std::int64_t>(messages.size())},
                Bytes::adopt(std::move(bytes))};
}

Result<json::object> chatParameters(const GenerationOptions& options) {
  const auto wrong = [](std::string message, std::string hint) {
    return fail(ErrorCategory::InvalidArgument, std::move(message), std::move(hint));
  };
  if (options.maxTokens == 0) return wrong("an answer of 0 tokens is none", "raise maxTokens");
  if (!(options.temperature >= 0 && options.temperature <= 2)) {
    return wrong(fmt::format("the temperature is {}", options.temperature),
                 "it goes from 0 (the likeliest token) to 2; 1 draws as the model says");
  }
  if (options.topP && !(*options.topP >= 0 && *options.topP <= 1)) {
    return wrong(fmt::format("topP is {}", *options.topP), "it goes from 0 to 1");
  }
  if (options.seed == std::numeric_limits<std::uint32_t>::max()) {
    return wrong(fmt::format("the seed is {}", *options.seed), "llama.cpp takes it for none");
  }
  json::object parameters{{"max_tokens", options.maxTokens}, {"temperature", options.temperature}};
  if (options.topP) parameters["top_p"] = *options.topP;
  if (options.topK) parameters["top_k"] = *options.topK;
  if (options.seed) parameters["seed"] = *options.seed;
  if (options.tokenIds) parameters["return_tokens"] = true;
  if (options.raw) parameters["raw"] = true;
  if (options.raw && !options.tools.empty()) {
    return wrong("a raw prompt offers no tools", "leave them out");
  }
  json::array stop;
  for (const auto& text : options.stop) {
    if (text.empty() || !wire::isValidUtf8(text)) {
      return wrong("a stop text is empty or not valid UTF-8", "leave it out");
    }
    stop.emplace_back(text);
  }
  if (!stop.empty()) parameters["stop"] = std::move(stop);
  if (options.tools.empty() && options.toolChoice == ToolChoice::Required) {
    return fail(ErrorCategory::InvalidInput, "tool_choice asks for a call, and there is no tool",
                "offer tools, or leave tool_choice out");
  }
  if (options.tools.empty()) return parameters;
  json::array tools;
  for (const auto& tool : options.tools) {
    auto object = toJson(tool);
    if (!object) return std::unexpected(object.error());
    tools.emplace_back(std::move(*object));
  }
  parameters["tools"] = std::move(tools);
  parameters["tool_choice"] = options.toolChoice == ToolChoice::Auto   ? "auto"
                              : options.toolChoice == ToolChoice::None ? "none"
                                                                       : "required";
  return parameters;
}

Result<void> readAnswer(const Inference& inference, Generation& generation) {
  const auto find = [&](std::string_view name) {
    const auto found = std::ranges::find(inference.outputs, name, &Tensor::name);
    return found == inference.outputs.end() ? nullptr : &*found;
  };
  const auto* text = find("text");
  std::uint32_t length = 0;
  if (text == nullptr || text->type != DataType::Bytes || text->shape != Shape{1}) {
    return wrongAnswer("no text");
  }
  std::memcpy(&length, text->data.data(), sizeof(length));
  generation.text = std::string(text->data.text().substr(sizeof(length), length));
  if (!wire::isValidUtf8(generation.text)) return wrongAnswer("a text that is not UTF-8");
  const auto* tokens = find("tokens");
  if (tokens != nullptr && tokens->type == DataType::Int64) {
    const auto ids = tokens->as<std::int64_t>();
    generation.tokens.assign(ids.begin(), ids.end());
  }
  boost::system::error_code error;
  const auto parsed = json::parse(inference.details, error);
  if (error || !parsed.is_object()) return wrongAnswer("no details");
  const auto& details = parsed.get_object();
  if (const auto* calls = details.if_contains("tool_calls");
      calls != nullptr && calls->is_array()) {
    for (const auto& call : calls->get_array()) {
      if (!call.is_object()) return wrongAnswer("a tool call that is none");
      const auto& object = call.get_object();
      generation.toolCalls.push_back(
          {textOf(object, "id"), textOf(object, "name"), textOf(object, "arguments")});
    }
  }
  generation.finish = finishOf(textOf(details, "finish_reason"), !generation.toolCalls.empty());
  generation.promptTokens = count(details, "prompt_tokens");
  generation.cachedTokens = count(details, "cached_tokens");
  generation.generatedTokens = count(details, "completion_tokens");
  generation.promptMs = milliseconds(details, "prompt_ms");
  generation.decodeMs = milliseconds(details, "decode_ms");
  generation.timings = inference.timings;
  generation.ranOn = inference.ranOn;
  return {};
}

Result<void> checkLength(const std::vector<Message>& messages, const LanguageInfo& language) {
  std::uint64_t bytes = 0;
  for (const auto& message : messages) bytes += message.content.size();
  if (language.longestToken == 0 || bytes / language.longestToken <= language.context) return {};
  return fail(ErrorCategory::InvalidInput,
              fmt::format("the conversation has {} bytes, which can't fit into a context of {} "
                          "tokens",
                          bytes, language.context),
              "shorten it, or load the model with a larger context");
}

}  // namespace webpool::tasks

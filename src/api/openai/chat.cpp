#include "api/openai/chat.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <optional>

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCategory::InvalidArgument, std::move(message));
}

/// Null where it is missing or null.
const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::optional<double>> number(const json::object& object, std::string_view name,
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

Result<std::string> contentOf(const json::object& message) {
  const auto* content = given(message, "content");
  if (content == nullptr) return std::string{};
  if (const auto* text = content->if_string()) return std::string(*text);
  const auto* parts = content->if_array();
  if (parts == nullptr) return wrong("messages: content is neither a text nor a list");
  std::string all;
  for (const auto& part : *parts) {
    const auto* object = part.if_object();
    const auto* text = object == nullptr ? nullptr : object->if_contains("text");
    if (text == nullptr || !text->is_string()) {
      return fail(ErrorCategory::Unsupported, "messages: content that is no text can't be taken");
    }
    all += std::string_view(text->get_string());
  }
  return all;
}

/// Empty where it is none.
std::string textOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string{} : std::string(*text);
}

Result<Message> messageOf(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return wrong("messages: one is no object");
  Message message;
  message.role = textOf(*object, "role");
  if (message.role == "developer") message.role = "system";  // its newer name
  if (message.role.empty()) return wrong("messages: one has no role");
  auto content = contentOf(*object);
  if (!content) return std::unexpected(content.error());
  message.content = std::move(*content);
  message.toolCallId = textOf(*object, "tool_call_id");
  if (const auto* calls = given(*object, "tool_calls")) {
    if (!calls->is_array()) return wrong("messages: tool_calls is no list");
    for (const auto& call : calls->get_array()) {
      const auto* one = call.if_object();
      const auto* function = one == nullptr ? nullptr : one->if_contains("function");
      if (function == nullptr || !function->is_object()) {
        return wrong("messages: a tool call has no function");
      }
      message.toolCalls.push_back({textOf(*one, "id"), textOf(function->get_object(), "name"),
                                   textOf(function->get_object(), "arguments")});
    }
  }
  return message;
}

Result<void> readTools(const json::object& object, GenerationOptions& options) {
  if (const auto* tools = given(object, "tools")) {
    if (!tools->is_array()) return wrong("tools: no list");
    for (const auto& tool : tools->get_array()) {
      const auto* one = tool.if_object();
      const auto* function = one == nullptr ? nullptr : one->if_contains("function");
      if (function == nullptr || !function->is_object()) return wrong("tools: one is no function");
      const auto& named = function->get_object();
      const auto* parameters = given(named, "parameters");
      options.tools.push_back({textOf(named, "name"), textOf(named, "description"),
                               parameters == nullptr ? "" : json::serialize(*parameters)});
      if (options.tools.back().name.empty()) return wrong("tools: a function has no name");
    }
  }
  const auto* choice = given(object, "tool_choice");
  if (choice == nullptr || *choice == "auto") return {};
  if (*choice == "none") {
    options.toolChoice = ToolChoice::None;
  } else if (*choice == "required") {
    options.toolChoice = ToolChoice::Required;
  } else if (choice->is_object()) {
    return fail(ErrorCategory::Unsupported, "tool_choice: no function can be named",
                "use \"required\" and offer that tool alone");
  } else {
    return wrong("tool_choice: not \"auto\", \"none\" or \"required\"");
  }
  return {};
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
  const auto temperature = number(object, "temperature", 0, 2);
  if (!temperature) return std::unexpected(temperature.error());
  options.temperature = temperature->value_or(1);  // OpenAI's default
  const auto topP = number(object, "top_p", 0, 1);
  if (!topP) return std::unexpected(topP.error());
  options.topP = *topP;
  const auto seed = number(object, "seed", 0, std::numeric_limits<std::uint32_t>::max() - 1);
  if (!seed) return std::unexpected(seed.error());
  if (*seed) options.seed = static_cast<std::uint32_t>(**seed);
  for (const auto* name : {"max_tokens", "max_completion_tokens"}) {
    const auto most = number(object, name, 1, 1e6);
    if (!most) return std::unexpected(most.error());
    if (*most) options.maxTokens = static_cast<unsigned>(**most);
  }
  const auto several = number(object, "n", 1, 128);
  if (!several) return std::unexpected(several.error());
  if (several->value_or(1) > 1) return fail(ErrorCategory::Unsupported, "n: one answer a request");
  return {};
}

bool isTrue(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && *value == true;
}

json::array callsOf(const Generation& generation, bool indexed) {
  json::array calls;
  for (const auto& call : generation.toolCalls) {
    json::object one{{"id", call.id},
                     {"type", "function"},
                     {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
    if (indexed) one["index"] = calls.size();
    calls.push_back(std::move(one));
  }
  return calls;
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

json::object head(const ChatAnswer& answer, std::string_view object, json::array choices) {
  return {{"id", answer.id},
          {"object", object},
          {"created", answer.created},
          {"model", answer.model},
          {"choices", std::move(choices)}};
}

std::string event(const ChatAnswer& answer, json::object delta, json::value finish = nullptr) {
  json::array choices;
  choices.push_back(json::object{
      {"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}});
  const auto body = head(answer, "chat.completion.chunk", std::move(choices));
  return "data: " + json::serialize(body) + "\n\n";
}

}  // namespace

Result<ChatRequest> parseChat(std::string_view body) {
  boost::system::error_code error;
  const auto parsed = json::parse(body, error);
  const auto* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return wrong("the request is no JSON object");
  ChatRequest request;
  request.model = textOf(*object, "model");
  if (request.model.empty()) return wrong("model: missing, or not a text");
  const auto* messages = given(*object, "messages");
  if (messages == nullptr || !messages->is_array() || messages->get_array().empty()) {
    return wrong("messages: missing, or not a list of messages");
  }
  for (const auto& value : messages->get_array()) {
    auto message = messageOf(value);
    if (!message) return std::unexpected(message.error());
    request.messages.push_back(std::move(*message));
  }
  for (auto* read : {readTools, readStop, readNumbers}) {
    if (auto fits = read(*object, request.generation); !fits) {
      return std::unexpected(fits.error());
    }
  }
  request.stream = isTrue(*object, "stream");
  if (const auto* options = given(*object, "stream_options"); options && options->is_object()) {
    request.includeUsage = isTrue(options->get_object(), "include_usage");
  }
  return request;
}

std::string chatBody(const ChatAnswer& answer, const Generation& generation) {
  json::object message{{"role", "assistant"}, {"content", generation.text}};
  if (!generation.toolCalls.empty()) {
    message["tool_calls"] = callsOf(generation, false);
    if (generation.text.empty()) message["content"] = nullptr;
  }
  json::array choices;
  choices.push_back(json::object{{"index", 0},
                                 {"message", std::move(message)},
                                 {"logprobs", nullptr},
                                 {"finish_reason", finishOf(generation)}});
  auto body = head(answer, "chat.completion", std::move(choices));
  body["usage"] = usageOf(generation);
  return json::serialize(body);
}

std::string chatBegin(const ChatAnswer& answer) {
  return event(answer, {{"role", "assistant"}, {"content", ""}});
}

std::string chatText(const ChatAnswer& answer, std::string_view text) {
  return event(answer, {{"content", text}});
}

std::string chatEnd(const ChatAnswer& answer, const Generation& generation, bool includeUsage) {
  std::string events;
  if (!generation.toolCalls.empty()) {
    events += event(answer, {{"tool_calls", callsOf(generation, true)}});
  }
  events += event(answer, {}, json::value(finishOf(generation)));
  if (includeUsage) {
    auto body = head(answer, "chat.completion.chunk", {});
    body["usage"] = usageOf(generation);
    events += "data: " + json::serialize(body) + "\n\n";
  }
  return events + "data: [DONE]\n\n";
}

}  // namespace webpool::api::openai

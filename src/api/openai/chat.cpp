#include "api/openai/chat.h"

#include <boost/json.hpp>

#include "api/openai/fields.h"

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

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

std::string event(const AnswerHead& answer, json::object delta, json::value finish = nullptr) {
  json::array choices;
  choices.push_back(json::object{
      {"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}});
  return eventOf(bodyOf(answer, "chat.completion.chunk", std::move(choices)));
}

}  // namespace

Result<ChatRequest> parseChat(std::string_view body) {
  const auto object = objectOf(body);
  if (!object) return std::unexpected(object.error());
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
  const auto streaming = readStreaming(*object);
  if (!streaming) return std::unexpected(streaming.error());
  request.stream = streaming->stream;
  request.includeUsage = streaming->includeUsage;
  return request;
}

std::string chatBody(const AnswerHead& answer, const Generation& generation) {
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
  auto body = bodyOf(answer, "chat.completion", std::move(choices));
  body["usage"] = usageOf(generation);
  return json::serialize(body);
}

std::string chatBegin(const AnswerHead& answer) {
  return event(answer, {{"role", "assistant"}, {"content", ""}});
}

std::string chatText(const AnswerHead& answer, std::string_view text) {
  return event(answer, {{"content", text}});
}

std::string chatEnd(const AnswerHead& answer, const Generation& generation, bool includeUsage) {
  std::string events;
  if (!generation.toolCalls.empty()) {
    events += event(answer, {{"tool_calls", callsOf(generation, true)}});
  }
  events += event(answer, {}, json::value(finishOf(generation)));
  if (includeUsage) {
    auto body = bodyOf(answer, "chat.completion.chunk", {});
    body["usage"] = usageOf(generation);
    events += eventOf(body);
  }
  return events + "data: [DONE]\n\n";
}

}  // namespace webpool::api::openai

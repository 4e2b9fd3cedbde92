#include "api/openai/chat.h"

#include <boost/json.hpp>
#include <span>

#include "api/openai/fields.h"
#include "pipelines/generation_json.h"

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

json::array callsOf(const Generation& generation, bool indexed) {
  auto calls = pipelines::toJson(std::span(generation.toolCalls));
  for (std::size_t i = 0; indexed && i < calls.size(); ++i) calls[i].get_object()["index"] = i;
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
    auto message = pipelines::messageFromJson(value);
    if (!message) return std::unexpected(message.error());
    request.messages.push_back(std::move(*message));
  }
  for (auto* read : {pipelines::readTools, pipelines::readStop, readNumbers}) {
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

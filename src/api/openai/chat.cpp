#include "api/openai/chat.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <set>
#include <span>
#include <string_view>

#include "api/openai/fields.h"
#include "pipelines/generation_json.h"

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

/// What is read, and what changes no answer: labels, and where it is kept or how fast it is.
constexpr auto kKnown = std::to_array<std::string_view>({"audio",
                                                         "frequency_penalty",
                                                         "function_call",
                                                         "functions",
                                                         "logit_bias",
                                                         "logprobs",
                                                         "max_completion_tokens",
                                                         "max_tokens",
                                                         "messages",
                                                         "metadata",
                                                         "modalities",
                                                         "model",
                                                         "n",
                                                         "parallel_tool_calls",
                                                         "prediction",
                                                         "presence_penalty",
                                                         "prompt_cache_key",
                                                         "prompt_cache_retention",
                                                         "reasoning_effort",
                                                         "response_format",
                                                         "safety_identifier",
                                                         "seed",
                                                         "service_tier",
                                                         "stop",
                                                         "store",
                                                         "stream",
                                                         "stream_options",
                                                         "temperature",
                                                         "tool_choice",
                                                         "tools",
                                                         "top_k",
                                                         "top_logprobs",
                                                         "top_p",
                                                         "user",
                                                         "verbosity",
                                                         "web_search_options"});

std::unexpected<Error> unsupported(std::string message, std::string hint = {}) {
  return fail(ErrorCategory::Unsupported, std::move(message), std::move(hint));
}

Result<void> refuseForms(const json::object& object) {
  if (const auto* format = given(object, "response_format")) {
    if (!format->is_object()) return wrong("response_format: no object");
    const auto type = textOf(format->get_object(), "type");
    if (type.empty()) return wrong("response_format: it has no type");
    if (type != "text") {
      return unsupported("response_format: an answer is text, kept to no form",
                         "ask for the form in a message, or describe it as a tool");
    }
  }
  const auto* modalities = given(object, "modalities");
  if (modalities != nullptr && *modalities != json::array{"text"}) {
    return unsupported("modalities: an answer is text", R"(["text"])");
  }
  return {};
}

/// What would change the answer and is not done here: better no answer than another one.
Result<void> refuseOthers(const json::object& object) {
  if (auto fits = refuseForms(object); !fits) return fits;
  const auto logprobs = flagOf(object, "logprobs");
  if (!logprobs) return std::unexpected(logprobs.error());
  if (*logprobs) return unsupported("logprobs: probabilities of tokens are not told");
  const auto top = wholeNumberOf(object, "top_logprobs", 0, 20);
  if (!top) return std::unexpected(top.error());
  if (top->value_or(0) > 0) return unsupported("top_logprobs: probabilities are not told");
  if (auto fits = refuseBiases(object); !fits) return fits;
  for (const auto* name : {"functions", "function_call"}) {
    if (given(object, name) != nullptr) {
      return unsupported(std::string(name) + ": tools took their place",
                         "use tools and tool_choice");
    }
  }
  for (const auto* name : {"audio", "reasoning_effort", "verbosity", "web_search_options"}) {
    if (given(object, name) != nullptr) return unsupported(std::string(name) + ": not done here");
  }
  if (given(object, "tools") != nullptr && given(object, "parallel_tool_calls") != nullptr) {
    const auto parallel = flagOf(object, "parallel_tool_calls");
    if (!parallel) return std::unexpected(parallel.error());
    if (!*parallel) return unsupported("parallel_tool_calls: how many calls come is the model's");
  }
  return refuseUnknown(object, kKnown);
}

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

/// A tool's result answers a call of the messages before it.
Result<void> refuseUncalled(std::span<const Message> messages) {
  std::set<std::string_view> called;
  for (const auto& message : messages) {
    for (const auto& call : message.toolCalls) called.insert(call.id);
    if (message.role != "tool" || called.contains(message.toolCallId)) continue;
    if (message.toolCallId.empty()) return wrong("messages: a tool's result has no tool_call_id");
    return wrong(fmt::format("messages: no tool_calls before it have the tool_call_id '{}'",
                             message.toolCallId));
  }
  return {};
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
  if (auto called = refuseUncalled(request.messages); !called) {
    return std::unexpected(called.error());
  }
  if (auto fits = refuseOthers(*object); !fits) return std::unexpected(fits.error());
  auto user = userOf(*object);
  if (!user) return std::unexpected(user.error());
  request.user = std::move(*user);
  const auto* cacheKey = given(*object, "prompt_cache_key");
  if (cacheKey != nullptr && !cacheKey->is_string()) return wrong("prompt_cache_key: no text");
  request.generation.conversation = textOf(*object, "prompt_cache_key");
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

#include "api/openai/completions.h"

#include <array>
#include <boost/json.hpp>

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

constexpr unsigned kUsualTokens = 16;  // OpenAI's default

/// What is read, and `user` and the like, which change no answer.
constexpr auto kKnown = std::to_array<std::string_view>({"best_of",
                                                         "echo",
                                                         "frequency_penalty",
                                                         "logit_bias",
                                                         "logprobs",
                                                         "max_completion_tokens",
                                                         "max_tokens",
                                                         "metadata",
                                                         "model",
                                                         "n",
                                                         "presence_penalty",
                                                         "prompt",
                                                         "seed",
                                                         "service_tier",
                                                         "stop",
                                                         "store",
                                                         "stream",
                                                         "stream_options",
                                                         "suffix",
                                                         "temperature",
                                                         "top_k",
                                                         "top_p",
                                                         "user",
                                                         "safety_identifier"});

std::unexpected<Error> unsupported(std::string message, std::string hint = {}) {
  return fail(ErrorCategory::Unsupported, std::move(message), std::move(hint));
}

Result<std::string> promptOf(const json::object& object) {
  const auto* prompt = given(object, "prompt");
  if (prompt == nullptr) return wrong("prompt: missing");
  if (const auto* list = prompt->if_array()) {
    if (list->empty()) return wrong("prompt: no text");
    if (list->front().is_number() || list->front().is_array()) {
      return unsupported("prompt: token ids can't be taken",
                         "send the text: the model's own tokenizer reads it");
    }
    if (list->size() > 1) return unsupported("prompt: one text a request");
    prompt = &list->front();
  }
  if (!prompt->is_string()) return wrong("prompt: not a text or a list of one text");
  if (prompt->get_string().empty()) return wrong("prompt: an empty text");
  return std::string(prompt->get_string());
}

/// What would change the answer and is not done here: better no answer than another one.
Result<void> refuseOthers(const json::object& object) {
  if (given(object, "suffix") != nullptr) {
    return unsupported("suffix: no text can be put behind the answer");
  }
  const auto echo = flagOf(object, "echo");
  if (!echo) return std::unexpected(echo.error());
  if (*echo) return unsupported("echo: the prompt is not sent back");
  if (given(object, "logprobs") != nullptr) {
    return unsupported("logprobs: probabilities of tokens are not told");
  }
  if (auto fits = refuseBiases(object); !fits) return fits;
  const auto best = wholeNumberOf(object, "best_of", 1, 128);
  if (!best) return std::unexpected(best.error());
  if (best->value_or(1) > 1) return unsupported("best_of: one answer a request");
  return refuseUnknown(object, kKnown);
}

json::array choiceOf(std::string_view text, json::value finish) {
  json::array choices;
  choices.push_back(json::object{
      {"index", 0}, {"text", text}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}});
  return choices;
}

}  // namespace

Result<CompletionRequest> parseCompletion(std::string_view body) {
  const auto object = objectOf(body);
  if (!object) return std::unexpected(object.error());
  CompletionRequest request;
  request.model = textOf(*object, "model");
  if (request.model.empty()) return wrong("model: missing, or not a text");
  auto prompt = promptOf(*object);
  if (!prompt) return std::unexpected(prompt.error());
  request.prompt = std::move(*prompt);
  if (auto fits = refuseOthers(*object); !fits) return std::unexpected(fits.error());
  auto user = userOf(*object);
  if (!user) return std::unexpected(user.error());
  request.user = std::move(*user);
  request.generation.maxTokens = kUsualTokens;
  request.generation.raw = true;
  for (auto* read : {pipelines::readStop, readNumbers}) {
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

std::string completionBody(const AnswerHead& answer, const Generation& generation) {
  auto body = bodyOf(answer, "text_completion",
                     choiceOf(generation.text, json::value(finishOf(generation))));
  body["usage"] = usageOf(generation);
  return json::serialize(body);
}

std::string completionText(const AnswerHead& answer, std::string_view text) {
  return eventOf(bodyOf(answer, "text_completion", choiceOf(text, nullptr)));
}

std::string completionEnd(const AnswerHead& answer, const Generation& generation,
                          bool includeUsage) {
  auto events =
      eventOf(bodyOf(answer, "text_completion", choiceOf("", json::value(finishOf(generation)))));
  if (includeUsage) {
    auto body = bodyOf(answer, "text_completion", {});
    body["usage"] = usageOf(generation);
    events += eventOf(body);
  }
  return events + "data: [DONE]\n\n";
}

}  // namespace webpool::api::openai

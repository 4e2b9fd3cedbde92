// POST /v1/chat/completions between its JSON and the pool's types. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/openai/fields.h"
#include "webpool/generation.h"

namespace webpool::api::openai {

struct ChatRequest {
  std::string model;
  std::vector<Message> messages;
  GenerationOptions generation;
  bool stream = false;
  std::string user{};         ///< for whom; empty: not said
  bool includeUsage = false;  ///< stream_options.include_usage
};

/// InvalidArgument, with the field first in the message, for what is no such request and for a
/// field that is none; Unsupported for what would change the answer and is not done: `n` above 1,
/// content that is no text, forms of the answer, probabilities, penalties and their like.
Result<ChatRequest> parseChat(std::string_view body);

std::string chatBody(const AnswerHead& answer, const Generation& generation);

/// Server-sent events: the first names the role, one for each new text, then the end with calls of
/// tools, usage where asked for, and [DONE].
std::string chatBegin(const AnswerHead& answer);
std::string chatText(const AnswerHead& answer, std::string_view text);
std::string chatEnd(const AnswerHead& answer, const Generation& generation, bool includeUsage);

}  // namespace webpool::api::openai

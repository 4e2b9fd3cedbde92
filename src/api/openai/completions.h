// POST /v1/completions between its JSON and the pool's types: a model goes on with a text, without
// its chat template. Pure.
#pragma once

#include <string>
#include <string_view>

#include "api/openai/fields.h"

namespace webpool::api::openai {

struct CompletionRequest {
  std::string model;
  std::string prompt;
  GenerationOptions generation;
  bool stream = false;
  std::string user{};  ///< for whom; empty: not said
  bool includeUsage = false;
};

/// InvalidArgument, with the field in the message, for what is no such request; Unsupported for
/// several prompts, token ids, `suffix`, `echo`, `logprobs`, `logit_bias`, penalties, and `n` or
/// `best_of` above 1.
Result<CompletionRequest> parseCompletion(std::string_view body);

std::string completionBody(const AnswerHead& answer, const Generation& generation);

/// Server-sent events: one for each new text, then the end with its reason, usage where asked for,
/// and [DONE].
std::string completionText(const AnswerHead& answer, std::string_view text);
std::string completionEnd(const AnswerHead& answer, const Generation& generation,
                          bool includeUsage);

}  // namespace webpool::api::openai

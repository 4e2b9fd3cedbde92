#include "cli/generation_output.h"

#include <boost/json.hpp>
#include <cstdio>

#include "cli/terminal.h"

namespace webpool::cli {

namespace json = boost::json;

json::object toJson(const Generation& answer) {
  json::array calls;
  for (const auto& call : answer.toolCalls) {
    calls.push_back(
        json::object{{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  }
  json::object object{{"text", answer.text},
                      {"finish_reason", finishReasonName(answer.finish)},
                      {"tool_calls", std::move(calls)},
                      {"prompt_tokens", answer.promptTokens},
                      {"cached_tokens", answer.cachedTokens},
                      {"completion_tokens", answer.generatedTokens},
                      {"prompt_ms", answer.promptMs},
                      {"decode_ms", answer.decodeMs},
                      {"tokens_per_second", answer.tokensPerSecond()}};
  if (!answer.tokens.empty()) object["tokens"] = json::value_from(answer.tokens);
  return object;
}

void printRest(const Generation& answer) {
  for (const auto& call : answer.toolCalls) {
    std::printf("\n%s(%s)", call.name.c_str(), call.arguments.c_str());
  }
  std::printf("\n\ntokens   %llu in %s, after a prompt of %llu in %s (%.1f a second)%s\n",
              static_cast<unsigned long long>(answer.generatedTokens),
              millisecondsText(answer.decodeMs).c_str(),
              static_cast<unsigned long long>(answer.promptTokens),
              millisecondsText(answer.promptMs).c_str(), answer.tokensPerSecond(),
              answer.finish == FinishReason::Length ? ", cut off" : "");
}

}  // namespace webpool::cli

#include "api/openai/errors.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace webpool::api::openai {
namespace {

/// Those that messages begin with.
constexpr auto kParameters = std::to_array<std::string_view>({"audio",
                                                              "best_of",
                                                              "dimensions",
                                                              "echo",
                                                              "encoding_format",
                                                              "file",
                                                              "frequency_penalty",
                                                              "function_call",
                                                              "functions",
                                                              "input",
                                                              "language",
                                                              "logit_bias",
                                                              "logprobs",
                                                              "max_completion_tokens",
                                                              "max_tokens",
                                                              "messages",
                                                              "modalities",
                                                              "model",
                                                              "n",
                                                              "parallel_tool_calls",
                                                              "presence_penalty",
                                                              "prompt",
                                                              "prompt_cache_key",
                                                              "reasoning_effort",
                                                              "response_format",
                                                              "seed",
                                                              "stop",
                                                              "stream",
                                                              "stream_options",
                                                              "suffix",
                                                              "temperature",
                                                              "timestamp_granularities",
                                                              "tool_choice",
                                                              "tools",
                                                              "top_k",
                                                              "top_logprobs",
                                                              "top_p",
                                                              "user",
                                                              "verbosity",
                                                              "web_search_options",
                                                              "prediction",
                                                              "metadata"});

}  // namespace

int statusOf(ErrorCategory category) noexcept {
  switch (category) {
    case ErrorCategory::InvalidArgument:
    case ErrorCategory::InvalidInput:
    case ErrorCategory::Unsupported:
      return 400;
    case ErrorCategory::Unauthorized:
      return 401;
    case ErrorCategory::NotFound:
      return 404;
    case ErrorCategory::Timeout:
      return 408;
    case ErrorCategory::Busy:
      return 429;
    case ErrorCategory::BrowserNotFound:
    case ErrorCategory::BrowserFailed:
    case ErrorCategory::WorkerLost:
    case ErrorCategory::DeviceLost:
    case ErrorCategory::Fetch:
    case ErrorCategory::Cancelled:
      return 503;
    case ErrorCategory::OutOfMemory:
      return 507;
    case ErrorCategory::InvalidModel:
    case ErrorCategory::WrongResult:
    case ErrorCategory::Integrity:
    case ErrorCategory::Storage:
    case ErrorCategory::NoSpace:
    case ErrorCategory::PortInUse:
    case ErrorCategory::Protocol:
    case ErrorCategory::Internal:
      return 500;
  }
  return 500;
}

std::string_view paramOf(const Error& error) noexcept {
  const std::string_view message = error.message;
  if (message.starts_with("unknown model '") || message.starts_with("the model '")) return "model";
  const auto end = message.find(": ");
  if (statusOf(error.category) != 400 || end == std::string_view::npos) return {};
  const auto name = message.substr(0, end);
  const bool named = std::ranges::find(kParameters, name) != kParameters.end() ||
                     message.substr(end + 2) == kNoSuchParameter;
  return named ? name : std::string_view();
}

std::string errorBody(const Error& error) {
  const int status = statusOf(error.category);
  const auto* type = status == 401   ? "authentication_error"
                     : status == 429 ? "rate_limit_error"
                     : status < 500  ? "invalid_request_error"
                                     : "server_error";
  boost::json::value named;
  if (const auto param = paramOf(error); !param.empty()) named = boost::json::string(param);
  boost::json::object inner{{"message", error.describe()},
                            {"type", type},
                            {"param", std::move(named)},
                            {"code", categoryName(error.category)}};
  return boost::json::serialize(boost::json::object{{"error", std::move(inner)}});
}

}  // namespace webpool::api::openai

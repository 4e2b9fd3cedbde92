// Requests and answers of Text Embeddings Inference, as bytes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/model.h"
#include "webpool/result.h"

namespace webpool::api::tei {

inline constexpr std::size_t kMostTexts = 2048;  ///< of one request

struct EmbedRequest {
  std::vector<std::string> texts;
  bool normalize = true;
  bool truncate = false;  ///< what is longer than the model reads is cut, else refused
};

/// InvalidInput, with the field in the message, for what is no such request; Unsupported for pairs
/// of texts, `dimensions`, `prompt_name` and cutting from the left.
Result<EmbedRequest> parseEmbed(std::string_view body);

/// A list of vectors.
std::string embedBody(const Embeddings& embeddings);

/// GET /info
std::string infoBody(const ModelInfo& info);

/// 413, 422, 424, 429 or 503, as the protocol has them.
int statusOf(ErrorCategory category) noexcept;
/// {"error": …, "error_type": "Validation" | "Overloaded" | "Backend" | "Unhealthy"}
std::string errorBody(const Error& error);
/// The same for what is answered before an endpoint, with that status.
std::string refusalBody(int status, std::string_view reason);

}  // namespace webpool::api::tei

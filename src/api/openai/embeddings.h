// POST /v1/embeddings between its JSON and the pool's types. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/result.h"

namespace webpool::api::openai {

struct EmbeddingRequest {
  std::string model;
  std::vector<std::string> texts;
  bool base64 = false;
  std::string user{};                         ///< for whom; empty: not said
  std::optional<std::uint64_t> dimensions{};  ///< that its vectors are to have
};

/// InvalidArgument, with the field in the message, for what is no such request; Unsupported for
/// token ids.
Result<EmbeddingRequest> parseEmbeddings(std::string_view body);

/// Unsupported for other `dimensions` than the model's own, as no vector is shortened here.
Result<void> checkDimensions(const EmbeddingRequest& request, const Embeddings& answer);

/// InvalidInput for a text that is longer than the model reads: nothing is cut in silence.
Result<void> checkLengths(const Embeddings& answer);

/// The answer. `usage` counts what the page told (Embeddings::tokens).
std::string embeddingsBody(const EmbeddingRequest& request, const Embeddings& answer);

}  // namespace webpool::api::openai

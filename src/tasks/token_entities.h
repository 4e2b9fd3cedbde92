// Labels of tokens as what is named in a text. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tasks/model_config.h"
#include "webpool/text.h"

namespace webpool::tasks {

/// The best label of each token. `logits` [tokens, labels]; `width` labels. WrongResult for what is
/// no number.
Result<std::vector<TokenLabel>> tokenLabels(std::span<const float> logits, std::size_t width,
                                            std::span<const std::string> tokens,
                                            std::span<const std::int64_t> offsets,
                                            const ModelConfig& config);

/// Tokens of one label that follow each other, as the text has them. A "B-" begins another; "O" is
/// nothing. Tokens without a place in the text are passed over.
std::vector<Entity> groupEntities(std::span<const TokenLabel> tokens, std::string_view text);

}  // namespace webpool::tasks

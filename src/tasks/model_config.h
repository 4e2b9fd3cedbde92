// What a model's config.json (Hugging Face) says that the pool goes by. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/label.h"

namespace webpool::tasks {

struct ModelConfig {
  std::string architecture{};         ///< "BertForSequenceClassification"; empty: not told
  std::vector<std::string> labels{};  ///< by id; empty: not told
  std::size_t labelCount = 0;         ///< as it says; 0: not told
  bool severalLabels = false;         ///< each label for itself (problem_type "multi_label_…")

  /// "LABEL_7" for an id that has no name.
  std::string label(std::size_t id) const;
};

/// InvalidModel where it is no JSON object.
Result<ModelConfig> readModelConfig(std::string_view text);

/// Unsupported where the config tells a number of labels, and the model gives another one.
Result<void> checkLabels(const ModelConfig& config, std::string_view model, std::size_t given);

/// "text-classification" for "…ForSequenceClassification"; empty where none of ours is meant.
std::string_view taskOfArchitecture(std::string_view architecture);

/// Shares of 1. Empty where one is no number.
std::vector<double> softmax(std::span<const float> logits);

/// The best `topK` (0: all), best first. Shares of 1; each for itself where the model has several
/// labels or only one. WrongResult where a logit is no number.
Result<std::vector<LabelScore>> labelScores(std::span<const float> logits,
                                            const ModelConfig& config, std::size_t topK);

/// Ids of the best `topK` (0: all), best first; of equals the lower id.
std::vector<std::size_t> bestIds(std::span<const double> scores, std::size_t topK);

std::unexpected<Error> noNumbers();

}  // namespace webpool::tasks

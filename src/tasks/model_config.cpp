#include "tasks/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <numeric>

namespace webpool::tasks {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostLabels = 1'000'000;

constexpr std::pair<std::string_view, std::string_view> kTasks[] = {
    {"ForSequenceClassification", "text-classification"},
    {"ForTokenClassification", "token-classification"},
    {"ForMaskedLM", "fill-mask"},
    {"ForImageClassification", "image-classification"},
    {"CLIPModel", "multimodal-embedding"},
};

}  // namespace

std::string ModelConfig::label(std::size_t id) const {
  return id < labels.size() && !labels[id].empty() ? labels[id] : fmt::format("LABEL_{}", id);
}

Result<ModelConfig> readModelConfig(std::string_view text) {
  boost::system::error_code error;
  const auto document = json::parse(text, error);
  if (error || !document.is_object()) {
    return fail(ErrorCategory::InvalidModel, "config.json is no JSON object");
  }
  const auto& object = document.get_object();
  ModelConfig config;
  if (const auto* names = object.if_contains("architectures");
      names != nullptr && names->is_array() && !names->get_array().empty() &&
      names->get_array().front().is_string()) {
    config.architecture = names->get_array().front().get_string();
  }
  if (const auto* labels = object.if_contains("id2label");
      labels != nullptr && labels->is_object()) {
    for (const auto& [key, value] : labels->get_object()) {
      std::size_t id = 0;
      const auto* end = key.data() + key.size();
      const auto read = std::from_chars(key.data(), end, id);
      if (read.ec != std::errc{} || read.ptr != end || id >= kMostLabels || !value.is_string()) {
        return fail(ErrorCategory::InvalidModel,
                    fmt::format("config.json: id2label has \"{}\", which names no label",
                                std::string_view(key)));
      }
      if (config.labels.size() <= id) config.labels.resize(id + 1);
      config.labels[id] = value.get_string();
    }
  }
  config.labelCount = config.labels.size();
  if (const auto* count = object.if_contains("num_labels");
      config.labelCount == 0 && count != nullptr && count->is_int64() && count->get_int64() > 0) {
    config.labelCount = static_cast<std::size_t>(count->get_int64());
  }
  if (const auto* problem = object.if_contains("problem_type");
      problem != nullptr && problem->is_string()) {
    config.severalLabels = problem->get_string() == "multi_label_classification";
  }
  return config;
}

Result<void> checkLabels(const ModelConfig& config, std::string_view model, std::size_t given) {
  if (config.labelCount == 0 || config.labelCount == given) return {};
  return fail(ErrorCategory::Unsupported,
              fmt::format("{} gives {} values of each thing, and its config.json says that it has "
                          "{} labels",
                          model, given, config.labelCount),
              "take the config.json of this very model, or run it with task \"tensors\"");
}

std::string_view taskOfArchitecture(std::string_view architecture) {
  for (const auto& [ending, task] : kTasks) {
    if (architecture.ends_with(ending)) return task;
  }
  return {};
}

std::vector<double> softmax(std::span<const float> logits) {
  if (logits.empty() || !std::ranges::all_of(logits, [](float x) { return std::isfinite(x); })) {
    return {};
  }
  const double most = *std::ranges::max_element(logits);
  std::vector<double> shares;
  shares.reserve(logits.size());
  double sum = 0;
  for (const auto logit : logits) sum += shares.emplace_back(std::exp(double(logit) - most));
  for (auto& share : shares) share /= sum;
  return shares;
}

std::vector<std::size_t> bestIds(std::span<const double> scores, std::size_t topK) {
  std::vector<std::size_t> ids(scores.size());
  std::iota(ids.begin(), ids.end(), std::size_t{0});
  const auto count = topK == 0 ? ids.size() : std::min(topK, ids.size());
  std::ranges::partial_sort(ids, ids.begin() + static_cast<std::ptrdiff_t>(count),
                            [&](std::size_t a, std::size_t b) {
                              return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                            });
  ids.resize(count);
  return ids;
}

std::unexpected<Error> noNumbers() {
  return fail(ErrorCategory::WrongResult, "the model answered with values that are no numbers",
              "try another backend or dtype");
}

Result<std::vector<LabelScore>> labelScores(std::span<const float> logits,
                                            const ModelConfig& config, std::size_t topK) {
  auto scores = softmax(logits);
  if (scores.empty()) return noNumbers();
  if (config.severalLabels || logits.size() == 1) {
    std::ranges::transform(logits, scores.begin(),
                           [](float logit) { return 1 / (1 + std::exp(-double(logit))); });
  }
  std::vector<LabelScore> labels;
  for (const auto id : bestIds(scores, topK)) labels.push_back({config.label(id), scores[id]});
  return labels;
}

}  // namespace webpool::tasks

#include "pipelines/text_heads.h"

#include <fmt/format.h>

#include <algorithm>

#include "pool/texts.h"
#include "tasks/token_entities.h"
#include "webpool/text.h"

namespace webpool {

namespace pipelines {

Result<void> checkTask(const Model& model, std::string_view task) {
  if (model.info().task == task) return {};
  return fail(
      ErrorCategory::InvalidArgument,
      fmt::format("{} was loaded for {}, not for {}", model.info().name, model.info().task, task),
      fmt::format("load it with task \"{}\"", task));
}

Result<tasks::ModelConfig> configOf(const Model& model) {
  const auto file = model.file("config.json");
  if (file) return tasks::readModelConfig(file->text());
  if (file.error().category == ErrorCategory::NotFound) return tasks::ModelConfig{};
  return std::unexpected(file.error());
}

Result<Inference> runTexts(const Model& model, std::span<const std::string> texts,
                           const RunOptions& options) {
  if (auto checked = pool::checkTexts(texts); !checked) return std::unexpected(checked.error());
  return model.run({pool::textTensor(texts)}, options);
}

Result<const Tensor*> outputOf(const Inference& answer, std::string_view name, DataType type,
                               std::size_t rank) {
  const auto found = std::ranges::find(answer.outputs, name, &Tensor::name);
  if (found != answer.outputs.end() && found->type == type && found->shape.size() == rank) {
    return &*found;
  }
  return fail(ErrorCategory::WrongResult,
              fmt::format("the answer has no {} of {} dimensions", name, rank));
}

}  // namespace pipelines

namespace {

using pipelines::outputOf;

/// The answer of a head that says something of each token.
struct TokenRows {
  const Tensor* values = nullptr;  ///< [tokens, width]
  std::size_t width = 0;
  std::vector<std::size_t> starts;  ///< of each text's tokens, and the end
  std::vector<std::string> tokens;
  std::span<const std::int64_t> offsets;  ///< two a token
};

Result<TokenRows> tokenRows(const Inference& answer, std::string_view name, std::size_t texts) {
  const auto values = outputOf(answer, name, DataType::Fp32, 2);
  const auto owner = outputOf(answer, "text", DataType::Int64, 1);
  const auto offsets = outputOf(answer, "offsets", DataType::Int64, 2);
  const auto tokens = outputOf(answer, "tokens", DataType::Bytes, 1);
  for (const auto* one : {&values, &owner, &offsets, &tokens}) {
    if (!*one) return std::unexpected(one->error());
  }
  TokenRows rows;
  rows.values = *values;
  rows.width = static_cast<std::size_t>((*values)->shape[1]);
  rows.offsets = (*offsets)->as<std::int64_t>();
  rows.tokens = pool::stringsOf(**tokens);
  const auto owners = (*owner)->as<std::int64_t>();
  const auto count = static_cast<std::size_t>((*values)->shape[0]);
  if (owners.size() != count || rows.tokens.size() != count || rows.offsets.size() != 2 * count ||
      !std::ranges::is_sorted(owners) ||
      (count > 0 && (owners.front() < 0 || owners.back() >= std::int64_t(texts)))) {
    return fail(ErrorCategory::WrongResult, "the answer's rows don't belong to the texts");
  }
  for (std::size_t text = 0; text <= texts; ++text) {
    const auto first = std::ranges::lower_bound(owners, std::int64_t(text));
    rows.starts.push_back(static_cast<std::size_t>(first - owners.begin()));
  }
  return rows;
}

}  // namespace

Result<Classification> classifyTexts(const Model& model, std::span<const std::string> texts,
                                     const ClassifyOptions& classifying,
                                     const RunOptions& options) {
  if (auto fits = pipelines::checkTask(model, "text-classification"); !fits) {
    return std::unexpected(fits.error());
  }
  const auto config = pipelines::configOf(model);
  if (!config) return std::unexpected(config.error());
  const auto answer = pipelines::runTexts(model, texts, options);
  if (!answer) return std::unexpected(answer.error());
  const auto logits = outputOf(*answer, "logits", DataType::Fp32, 2);
  if (!logits) return std::unexpected(logits.error());
  if ((*logits)->shape[0] != std::int64_t(texts.size())) {
    return fail(ErrorCategory::WrongResult, "the answer has not a row for each text");
  }
  const auto width = static_cast<std::size_t>((*logits)->shape[1]);
  const auto values = (*logits)->as<float>();
  Classification result{{}, answer->timings, answer->ranOn, pool::cutTexts(*answer)};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto labels = tasks::labelScores(values.subspan(i * width, width), *config, classifying.topK);
    if (!labels) return std::unexpected(labels.error());
    result.items.push_back(std::move(*labels));
  }
  return result;
}

Result<TextEntities> findEntities(const Model& model, std::span<const std::string> texts,
                                  const RunOptions& options) {
  if (auto fits = pipelines::checkTask(model, "token-classification"); !fits) {
    return std::unexpected(fits.error());
  }
  const auto config = pipelines::configOf(model);
  if (!config) return std::unexpected(config.error());
  const auto answer = pipelines::runTexts(model, texts, options);
  if (!answer) return std::unexpected(answer.error());
  const auto rows = tokenRows(*answer, "logits", texts.size());
  if (!rows) return std::unexpected(rows.error());
  const auto values = rows->values->as<float>();
  TextEntities result{{}, {}, answer->timings, answer->ranOn, pool::cutTexts(*answer)};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto first = rows->starts[i];
    const auto count = rows->starts[i + 1] - first;
    auto labels = tasks::tokenLabels(values.subspan(first * rows->width, count * rows->width),
                                     rows->width, std::span(rows->tokens).subspan(first, count),
                                     rows->offsets.subspan(2 * first, 2 * count), *config);
    if (!labels) return std::unexpected(labels.error());
    std::erase_if(*labels, [](const TokenLabel& label) { return label.start < 0; });
    result.texts.push_back(tasks::groupEntities(*labels, texts[i]));
    result.tokens.push_back(std::move(*labels));
  }
  return result;
}

Result<TextStates> tokenStates(const Model& model, std::span<const std::string> texts,
                               const RunOptions& options) {
  if (auto fits = pipelines::checkTask(model, "feature-extraction"); !fits) {
    return std::unexpected(fits.error());
  }
  const auto answer = pipelines::runTexts(model, texts, options);
  if (!answer) return std::unexpected(answer.error());
  const auto rows = tokenRows(*answer, "states", texts.size());
  if (!rows) return std::unexpected(rows.error());
  TextStates result{{}, answer->timings, answer->ranOn, pool::cutTexts(*answer)};
  const auto values = rows->values->as<float>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto first = rows->starts[i];
    const auto count = rows->starts[i + 1] - first;
    TokenStates states;
    for (auto token = first; token < first + count; ++token) {
      states.tokens.push_back(rows->tokens[token]);
      states.offsets.emplace_back(rows->offsets[2 * token], rows->offsets[2 * token + 1]);
    }
    states.states = Tensor::of<float>("states", DataType::Fp32,
                                      {std::int64_t(count), std::int64_t(rows->width)},
                                      values.subspan(first * rows->width, count * rows->width));
    result.texts.push_back(std::move(states));
  }
  return result;
}

}  // namespace webpool

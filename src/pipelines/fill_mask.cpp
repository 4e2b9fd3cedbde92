#include <fmt/format.h>

#include <utility>

#include "pipelines/text_heads.h"
#include "pool/texts.h"
#include "tasks/mask_words.h"
#include "webpool/text.h"

namespace webpool {

struct MaskFiller::Words {
  tasks::MaskWords words;
};

MaskFiller::MaskFiller(Model model, std::shared_ptr<const Words> words)
    : model_(std::move(model)), words_(std::move(words)) {}

Result<MaskFiller> MaskFiller::of(const Model& model) {
  if (auto fits = pipelines::checkTask(model, "fill-mask"); !fits) {
    return std::unexpected(fits.error());
  }
  const auto tokenizer = model.file("tokenizer.json");
  if (!tokenizer) return std::unexpected(tokenizer.error());
  const auto config = model.file("tokenizer_config.json");
  if (!config) return std::unexpected(config.error());
  auto words = tasks::MaskWords::read(tokenizer->text(), config->text());
  if (!words) return std::unexpected(words.error());
  return MaskFiller(model, std::make_shared<const Words>(std::move(*words)));
}

const std::string& MaskFiller::mask() const {
  return words_->words.mask();
}

Result<FilledTexts> MaskFiller::fill(std::span<const std::string> texts,
                                     const ClassifyOptions& classifying,
                                     const RunOptions& options) const {
  const auto& words = words_->words;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (words.masksIn(texts[i]) > 0) continue;
    return fail(ErrorCategory::InvalidInput, fmt::format("text {} has no {}", i + 1, mask()),
                fmt::format("write {} where a word is to be found", mask()));
  }
  const auto answer = pipelines::runTexts(model_, texts, options);
  if (!answer) return std::unexpected(answer.error());
  const auto logits = pipelines::outputOf(*answer, "logits", DataType::Fp32, 2);
  if (!logits) return std::unexpected(logits.error());
  const auto owner = pipelines::outputOf(*answer, "text", DataType::Int64, 1);
  if (!owner) return std::unexpected(owner.error());
  const auto owners = (*owner)->as<std::int64_t>();
  const auto width = static_cast<std::size_t>((*logits)->shape[1]);
  FilledTexts result{{}, answer->timings, answer->ranOn, pool::cutTexts(*answer)};
  result.texts.resize(texts.size());
  if (owners.size() != static_cast<std::size_t>((*logits)->shape[0])) {
    return fail(ErrorCategory::WrongResult, "the answer's rows don't belong to the texts");
  }
  for (std::size_t row = 0; row < owners.size(); ++row) {
    if (owners[row] < 0 || owners[row] >= std::int64_t(texts.size())) {
      return fail(ErrorCategory::WrongResult, "the answer's rows don't belong to the texts");
    }
    const auto text = static_cast<std::size_t>(owners[row]);
    const auto scores = tasks::softmax((*logits)->as<float>().subspan(row * width, width));
    if (scores.empty()) return tasks::noNumbers();
    auto& masks = result.texts[text];
    std::vector<FilledWord> filled;
    for (const auto id : tasks::bestIds(scores, classifying.topK)) {
      filled.push_back({words.word(id), scores[id], static_cast<std::int64_t>(id),
                        words.filled(texts[text], masks.size(), id)});
    }
    masks.push_back(std::move(filled));
  }
  return result;
}

}  // namespace webpool

#include <fmt/format.h>

#include <cmath>
#include <future>
#include <utility>

#include "pipelines/picture_tensor.h"
#include "pipelines/text_heads.h"
#include "pool/texts.h"
#include "tasks/picture_input.h"
#include "webpool/multimodal.h"

namespace webpool {
namespace {

constexpr std::string_view kTask = "multimodal-embedding";

/// The rows of that output, each made length 1.
Result<std::vector<std::vector<float>>> rowsOf(const Inference& answer, std::string_view name,
                                               std::size_t count) {
  const auto output = pipelines::outputOf(answer, name, DataType::Fp32, 2);
  if (!output) return std::unexpected(output.error());
  if ((*output)->shape[0] != std::int64_t(count)) {
    return fail(ErrorCategory::WrongResult, fmt::format("the answer has not {} rows", count));
  }
  const auto width = static_cast<std::size_t>((*output)->shape[1]);
  std::vector<std::vector<float>> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = (*output)->as<float>().subspan(i * width, width);
    double squares = 0;
    for (const auto value : row) squares += double(value) * double(value);
    if (!std::isfinite(squares)) return tasks::noNumbers();
    const double length = std::sqrt(squares);
    auto& made = rows.emplace_back(row.begin(), row.end());
    for (auto& value : made) value = length > 0 ? float(double(value) / length) : 0;
  }
  return rows;
}

}  // namespace

PictureTextModel::PictureTextModel(Model pictures, Model texts, std::string preprocessor)
    : pictures_(std::move(pictures)),
      texts_(std::move(texts)),
      preprocessor_(std::move(preprocessor)) {}

Result<PictureTextModel> PictureTextModel::of(const Model& model) {
  if (auto fits = pipelines::checkTask(model, kTask); !fits) return std::unexpected(fits.error());
  const auto preprocessor = model.file("preprocessor_config.json");
  if (!preprocessor) return std::unexpected(preprocessor.error());
  if (auto known = tasks::PictureInput::read(preprocessor->text()); !known) {
    return std::unexpected(known.error());
  }
  auto texts = model.component("text_model", "text-projection");
  if (!texts) return std::unexpected(texts.error());
  return PictureTextModel(model, std::move(*texts), std::string(preprocessor->text()));
}

Result<PictureTextAnswer> PictureTextModel::compare(std::span<const Picture> pictures,
                                                    std::span<const std::string> texts,
                                                    const RunOptions& options) const {
  if (pictures.empty() && texts.empty()) {
    return fail(ErrorCategory::InvalidArgument, "neither a picture nor a text",
                "give it pictures, texts or both");
  }
  PictureTextAnswer result;
  // The text's graph loads and runs while the picture's does.
  std::future<Result<Inference>> textAnswer;
  if (!texts.empty()) {
    textAnswer =
        std::async(std::launch::async, [&] { return pipelines::runTexts(texts_, texts, options); });
  }
  Result<void> pictured;
  if (!pictures.empty()) {
    auto input = pipelines::pictureTensor(pictures_, preprocessor_, pictures);
    auto answer = input ? pictures_.run({std::move(*input)}, options)
                        : Result<Inference>(std::unexpected(input.error()));
    auto rows =
        answer ? rowsOf(*answer, "image_embeds", pictures.size()) : std::unexpected(answer.error());
    if (rows) {
      result.pictures = std::move(*rows);
      result.pictureTimings = answer->timings;
      result.picturesRanOn = answer->ranOn;
    } else {
      pictured = std::unexpected(rows.error());
    }
  }
  if (textAnswer.valid()) {
    const auto answer = textAnswer.get();
    if (!answer) return std::unexpected(answer.error());
    auto rows = rowsOf(*answer, "text_embeds", texts.size());
    if (!rows) return std::unexpected(rows.error());
    result.texts = std::move(*rows);
    result.textTimings = answer->timings;
    result.textsRanOn = answer->ranOn;
    result.truncated = pool::cutTexts(*answer);
  }
  if (!pictured) return std::unexpected(pictured.error());
  for (const auto& picture : result.pictures) {
    auto& row = result.similarity.emplace_back();
    for (const auto& text : result.texts) {
      if (text.size() != picture.size()) {
        return fail(ErrorCategory::InvalidModel,
                    "the model's pictures and texts have vectors of different length");
      }
      row.push_back(cosineSimilarity(picture, text));
    }
  }
  return result;
}

}  // namespace webpool

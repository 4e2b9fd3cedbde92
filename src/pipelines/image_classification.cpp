#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipelines/picture_tensor.h"
#include "pipelines/text_heads.h"
#include "tasks/picture_input.h"
#include "webpool/vision.h"

namespace webpool {

namespace {

std::unexpected<Error> noLogits(const Model& model, const Inference& answer) {
  std::vector<std::string> given;
  for (const auto& output : answer.outputs) {
    given.push_back(fmt::format("{} [{}]", output.name, fmt::join(output.shape, ", ")));
  }
  return fail(ErrorCategory::Unsupported,
              fmt::format("{} gives {}, and image-classification needs logits of 2 dimensions",
                          model.info().name, fmt::join(given, ", ")),
              "take a model that was trained for it, or run this one with task \"tensors\"");
}

}  // namespace

Result<Tensor> pipelines::pictureTensor(const Model& model, std::string_view preprocessor,
                                        std::span<const Picture> pictures) {
  if (pictures.empty()) return fail(ErrorCategory::InvalidArgument, "no pictures");
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto& [width, height, rgb] = pictures[i];
    if (width > 0 && height > 0 && rgb.size() == 3 * width * height) continue;
    return fail(ErrorCategory::InvalidInput,
                fmt::format("picture {} has not three bytes for each of its pixels", i + 1));
  }
  const auto input = tasks::PictureInput::read(preprocessor);
  if (!input) return std::unexpected(input.error());
  const auto size = 3 * input->width() * input->height();
  std::vector<float> values(pictures.size() * size);
  for (std::size_t i = 0; i < pictures.size(); ++i) input->write(pictures[i], &values[i * size]);
  return Tensor::of<float>(model.info().inputs.front().name, DataType::Fp32,
                           {std::int64_t(pictures.size()), 3, std::int64_t(input->height()),
                            std::int64_t(input->width())},
                           values);
}

Result<Classification> classifyPictures(const Model& model, std::span<const Picture> pictures,
                                        const ClassifyOptions& classifying,
                                        const RunOptions& options) {
  if (auto fits = pipelines::checkTask(model, "image-classification"); !fits) {
    return std::unexpected(fits.error());
  }
  const auto config = pipelines::configOf(model);
  if (!config) return std::unexpected(config.error());
  const auto preprocessor = model.file("preprocessor_config.json");
  if (!preprocessor) return std::unexpected(preprocessor.error());
  auto input = pipelines::pictureTensor(model, preprocessor->text(), pictures);
  if (!input) return std::unexpected(input.error());
  const auto answer = model.run({std::move(*input)}, options);
  if (!answer) return std::unexpected(answer.error());
  const auto logits = pipelines::outputOf(*answer, "logits", DataType::Fp32, 2);
  if (!logits) return noLogits(model, *answer);
  if ((*logits)->shape[0] != std::int64_t(pictures.size())) {
    return fail(ErrorCategory::WrongResult, "the answer has not a row for each picture");
  }
  const auto width = static_cast<std::size_t>((*logits)->shape[1]);
  if (auto fits = tasks::checkLabels(*config, model.info().name, width); !fits) {
    return std::unexpected(fits.error());
  }
  Classification result{{}, answer->timings, answer->ranOn};
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    auto labels = tasks::labelScores((*logits)->as<float>().subspan(i * width, width), *config,
                                     classifying.topK);
    if (!labels) return std::unexpected(labels.error());
    result.items.push_back(std::move(*labels));
  }
  return result;
}

}  // namespace webpool

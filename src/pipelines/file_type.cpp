#include "webpool/file_type.h"

#include <fmt/format.h>

#include <algorithm>

#include "tasks/file_types.h"

namespace webpool {
namespace {

constexpr std::string_view kDetection = "file-type-detection";
constexpr std::size_t kMostRows = 64;  // of one run: 512 KiB

/// The model's scores for the rows from `first` on.
Result<Inference> runRows(const Model& model, const tasks::FileTypeRules& rules,
                          std::span<const std::int32_t> rows, const RunOptions& options) {
  const auto count = static_cast<std::int64_t>(rows.size() / rules.width());
  auto answer =
      model.run({Tensor::of<std::int32_t>(model.info().inputs.front().name, DataType::Int32,
                                          {count, static_cast<std::int64_t>(rules.width())}, rows)},
                options);
  if (!answer) return answer;
  const auto& scores = answer->outputs.front();
  if (scores.type != DataType::Fp32 ||
      scores.shape != Shape{count, static_cast<std::int64_t>(rules.labels())}) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("{} gives no score for each of its {} labels", model.info().name,
                            rules.labels()));
  }
  return answer;
}

}  // namespace

Result<FileTypes> detectFileTypes(const Model& model,
                                  std::span<const std::span<const std::byte>> contents,
                                  const RunOptions& options) {
  const auto& info = model.info();
  if (info.task != kDetection || info.inputs.size() != 1) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} was loaded for {}, not for {}", info.name, info.task, kDetection),
                fmt::format("load it with task \"{}\"", kDetection));
  }
  const auto config = model.file("config.min.json");
  if (!config) return std::unexpected(config.error());
  const auto kinds = model.file("content_types_kb.min.json");
  if (!kinds) return std::unexpected(kinds.error());
  const auto rules = tasks::FileTypeRules::read(config->text(), kinds->text());
  if (!rules) return std::unexpected(rules.error());

  const auto began = std::chrono::steady_clock::now();
  FileTypes result;
  result.files.resize(contents.size());
  std::vector<std::int32_t> rows;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (rules->appendFeatures(contents[i], rows)) {
      asked.push_back(i);
    } else {
      result.files[i] = rules->withoutModel(contents[i]);
    }
  }
  for (std::size_t first = 0; first < asked.size(); first += kMostRows) {
    const auto count = std::min(kMostRows, asked.size() - first);
    const auto answer =
        runRows(model, *rules,
                std::span(rows).subspan(first * rules->width(), count * rules->width()), options);
    if (!answer) return std::unexpected(answer.error());
    const auto scores = answer->outputs.front().as<float>();
    for (std::size_t i = 0; i < count; ++i) {
      result.files[asked[first + i]] =
          rules->withModel(scores.subspan(i * rules->labels(), rules->labels()));
    }
    ++result.runs;
    result.timings.queueMs += answer->timings.queueMs;
    result.timings.runMs += answer->timings.runMs;
    result.timings.totalMs += answer->timings.totalMs;
    result.ranOn = answer->ranOn;
  }
  if (result.runs == 0) model.answeredWithoutRun(contents.size(), began);  // all too short
  return result;
}

}  // namespace webpool

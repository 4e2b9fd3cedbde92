#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tasks/ctc_text.h"
#include "tasks/pixels.h"
#include "tasks/text_boxes.h"
#include "webpool/vision.h"

namespace webpool {
namespace {

constexpr std::string_view kReading = "optical-character-recognition";
constexpr std::size_t kMultiple = 32;    // of pixels, in each side that the detector takes
constexpr std::size_t kLineHeight = 48;  // that recogniser and classifier take
constexpr std::size_t kLineWidth = 320;  // at least
constexpr std::size_t kTurnWidth = 192;  // that the classifier takes
constexpr float kTurned = 0.9F;          // so sure it must be to turn a line
constexpr double kDoubtful = 0.8;        // scores below
constexpr double kUpright = 1.5;         // higher than that many times wide: it runs downwards
constexpr std::size_t kBatch = 6;        // lines a run

// The detector has ImageNet's mean and deviation, the others a half; all take blue first.
constexpr tasks::Normalisation kForDetector{
    {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}, true};
constexpr tasks::Normalisation kForLines{{0.5F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.5F}, true};

Tensor inputOf(const Model& model, std::vector<float> values, std::size_t count, std::size_t height,
               std::size_t width) {
  return Tensor::of<float>(model.info().inputs.front().name, DataType::Fp32,
                           {static_cast<std::int64_t>(count), 3, static_cast<std::int64_t>(height),
                            static_cast<std::int64_t>(width)},
                           values);
}

/// One read of one picture.
class Reading {
 public:
  Reading(const Picture& picture, const TextReaderOptions& how, const RunOptions& options)
      : picture_(picture), how_(how), options_(options) {}

  Result<std::vector<tasks::TextBox>> detect(const Model& detector) {
    const double longest = double(std::max(picture_.width, picture_.height));
    const double scale = std::min(1.0, double(how_.longestSide) / longest);
    const auto side = [&](std::size_t pixels) {
      const auto multiples = std::lround(double(pixels) * scale / kMultiple);
      return static_cast<std::size_t>(std::max(1L, multiples)) * kMultiple;
    };
    const auto width = side(picture_.width);
    const auto height = side(picture_.height);
    std::vector<float> values(3 * width * height);
    tasks::writePlanes(tasks::resized(picture_, width, height), kForDetector, width, values.data());
    const auto answer = run(detector, inputOf(detector, std::move(values), 1, height, width));
    if (!answer) return std::unexpected(answer.error());
    const auto map = answer->outputs.front().as<float>();
    if (map.size() != width * height) {
      return fail(ErrorCategory::InvalidModel, "the detector gives no map of the picture's size");
    }
    page.ranOn = answer->ranOn;
    auto boxes = tasks::textBoxes(map, width, height);
    tasks::sortAsRead(boxes);
    for (auto& box : boxes) {
      for (auto& corner : box.corners) {
        corner.x *= double(picture_.width) / double(width);
        corner.y *= double(picture_.height) / double(height);
      }
    }
    return boxes;
  }

  /// The line upright, as high as the models take it.
  Picture lineOf(const tasks::TextBox& box) const {
    const auto& corners = box.corners;
    const auto length = [](const Point& a, const Point& b) {
      return std::hypot(b.x - a.x, b.y - a.y);
    };
    const auto width = std::max(1.0, length(corners[0], corners[1]));
    const auto height = std::max(1.0, length(corners[0], corners[3]));
    auto line = tasks::cutOut(picture_, corners, static_cast<std::size_t>(std::lround(width)),
                              static_cast<std::size_t>(std::lround(height)));
    if (height >= kUpright * width) line = tasks::quarterLeft(line);
    const double ratio = double(line.width) / double(line.height);
    const auto scaled = static_cast<std::size_t>(std::ceil(kLineHeight * ratio));
    return tasks::resized(line, std::max<std::size_t>(scaled, 1), kLineHeight);
  }

  Result<void> turn(const Model& classifier, std::vector<Picture>& lines) {
    for (std::size_t first = 0; first < lines.size(); first += kBatch) {
      const auto count = std::min(kBatch, lines.size() - first);
      std::vector<float> values(count * 3 * kLineHeight * kTurnWidth);
      for (std::size_t i = 0; i < count; ++i) {
        const auto& line = lines[first + i];
        const auto narrow =
            line.width > kTurnWidth ? tasks::resized(line, kTurnWidth, kLineHeight) : line;
        tasks::writePlanes(narrow, kForLines, kTurnWidth,
                           &values[i * 3 * kLineHeight * kTurnWidth]);
      }
      const auto answer =
          run(classifier, inputOf(classifier, std::move(values), count, kLineHeight, kTurnWidth));
      if (!answer) return std::unexpected(answer.error());
      const auto probabilities = answer->outputs.front().as<float>();
      if (probabilities.size() != 2 * count) {
        return fail(ErrorCategory::InvalidModel, "the classifier gives no two values a line");
      }
      for (std::size_t i = 0; i < count; ++i) {
        if (probabilities[2 * i + 1] < kTurned) continue;
        lines[first + i] = tasks::upsideDown(lines[first + i]);
      }
    }
    return {};
  }

  /// Lines of about one length share a run, so that little of it is padding.
  Result<std::vector<tasks::ReadText>> recognise(const Model& recogniser,
                                                 const std::vector<std::string>& alphabet,
                                                 const std::vector<Picture>& lines) {
    std::vector<std::size_t> order(lines.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](std::size_t i) { return lines[i].width; });
    std::vector<tasks::ReadText> texts(lines.size());
    for (std::size_t first = 0; first < order.size(); first += kBatch) {
      const auto count = std::min(kBatch, order.size() - first);
      const auto width = std::max(kLineWidth, lines[order[first + count - 1]].width);
      std::vector<float> values(count * 3 * kLineHeight * width);
      for (std::size_t i = 0; i < count; ++i) {
        tasks::writePlanes(lines[order[first + i]], kForLines, width,
                           &values[i * 3 * kLineHeight * width]);
      }
      const auto answer =
          run(recogniser, inputOf(recogniser, std::move(values), count, kLineHeight, width));
      if (!answer) return std::unexpected(answer.error());
      const auto& output = answer->outputs.front();
      if (output.shape.size() != 3 || output.shape[0] != static_cast<std::int64_t>(count) ||
          output.shape[2] != static_cast<std::int64_t>(alphabet.size() + 1)) {
        return fail(ErrorCategory::InvalidModel,
                    fmt::format("the recogniser does not know the {} characters of its alphabet",
                                alphabet.size()));
      }
      const auto probabilities = output.as<float>();
      const auto each = probabilities.size() / count;
      for (std::size_t i = 0; i < count; ++i) {
        texts[order[first + i]] = tasks::ctcText(probabilities.subspan(i * each, each), alphabet);
      }
    }
    return texts;
  }

  /// The classifier errs with long lines: what reads badly is read the other way round too.
  Result<void> readTurned(const Model& recogniser, const std::vector<std::string>& alphabet,
                          const std::vector<Picture>& lines, std::vector<tasks::ReadText>& texts) {
    std::vector<std::size_t> doubtful;
    std::vector<Picture> turned;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (texts[i].score >= kDoubtful) continue;
      doubtful.push_back(i);
      turned.push_back(tasks::upsideDown(lines[i]));
    }
    auto others = recognise(recogniser, alphabet, turned);
    if (!others) return std::unexpected(others.error());
    for (std::size_t i = 0; i < doubtful.size(); ++i) {
      auto& text = texts[doubtful[i]];
      if ((*others)[i].score > text.score) text = std::move((*others)[i]);
    }
    return {};
  }

  PageText page;

 private:
  Result<Inference> run(const Model& model, Tensor input) {
    auto answer = model.run({std::move(input)}, options_);
    if (!answer) return answer;
    ++page.runs;
    page.timings.queueMs += answer->timings.queueMs;
    page.timings.runMs += answer->timings.runMs;
    page.timings.totalMs += answer->timings.totalMs;
    return answer;
  }

  const Picture& picture_;
  const TextReaderOptions& how_;
  const RunOptions& options_;
};

}  // namespace

TextReader::TextReader(Model detector, Model recogniser, std::optional<Model> classifier,
                       std::vector<std::string> alphabet)
    : detector_(std::move(detector)),
      recogniser_(std::move(recogniser)),
      classifier_(std::move(classifier)),
      alphabet_(std::move(alphabet)) {}

Result<TextReader> TextReader::of(const Model& model) {
  const auto& info = model.info();
  if (info.task != kReading) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} was loaded for {}, not for {}", info.name, info.task, kReading),
                fmt::format("load it with task \"{}\"", kReading));
  }
  auto recogniser = model.component("rec");
  if (!recogniser) return std::unexpected(recogniser.error());
  // Newer models have it inside, older ones beside them.
  std::string keys;
  if (const auto inside = recogniser->info().metadata.find("character");
      inside != recogniser->info().metadata.end()) {
    keys = inside->second;
  } else if (const auto beside = model.file("keys.txt")) {
    keys = beside->text();
  } else {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("{} has no alphabet: neither \"character\" in the metadata of its rec "
                            "graph, nor a keys.txt",
                            info.name));
  }
  std::optional<Model> classifier;
  if (std::ranges::find(info.components, "cls") != info.components.end()) {
    auto there = model.component("cls");
    if (!there) return std::unexpected(there.error());
    classifier = std::move(*there);
  }
  return TextReader(model, std::move(*recogniser), std::move(classifier),
                    tasks::readAlphabet(keys));
}

std::vector<Model> TextReader::graphs() const {
  std::vector<Model> all{detector_, recogniser_};
  if (classifier_) all.push_back(*classifier_);
  return all;
}

Result<PageText> TextReader::read(const Picture& picture, const TextReaderOptions& how,
                                  const RunOptions& options) const {
  if (picture.width == 0 || picture.height == 0 ||
      picture.rgb.size() != picture.width * picture.height * 3) {
    return fail(ErrorCategory::InvalidInput,
                "the picture has no pixels, or not as many as it says");
  }
  Reading reading(picture, how, options);
  const auto boxes = reading.detect(detector_);
  if (!boxes) return std::unexpected(boxes.error());
  std::vector<Picture> lines;
  for (const auto& box : *boxes) lines.push_back(reading.lineOf(box));
  if (classifier_) {
    if (auto turned = reading.turn(*classifier_, lines); !turned) {
      return std::unexpected(turned.error());
    }
  }
  auto texts = reading.recognise(recogniser_, alphabet_, lines);
  if (!texts) return std::unexpected(texts.error());
  if (auto again = reading.readTurned(recogniser_, alphabet_, lines, *texts); !again) {
    return std::unexpected(again.error());
  }
  for (std::size_t i = 0; i < texts->size(); ++i) {
    auto& [text, score] = (*texts)[i];
    if (text.empty() || score < how.leastScore) continue;
    reading.page.lines.push_back({std::move(text), score, (*boxes)[i].corners});
  }
  return std::move(reading.page);
}

}  // namespace webpool

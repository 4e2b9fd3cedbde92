#include "bridge/adapter.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/file.h"
#include "bridge/sound_content.h"
#include "media/audio.h"
#include "media/picture.h"
#include "pipelines/answers_json.h"
#include "pipelines/generation_json.h"
#include "webpool/file_type.h"
#include "webpool/multimodal.h"
#include "webpool/speech.h"
#include "webpool/text.h"
#include "webpool/vision.h"

namespace webpool::bridge {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLargestFile = std::uint64_t{4} << 30;

std::string_view kindOf(const Content& content) {
  struct Kind {
    std::string_view operator()(const std::string&) const { return "a text"; }
    std::string_view operator()(const std::vector<std::string>& texts) const {
      return texts.empty() ? "an empty list" : "a list of texts";
    }
    std::string_view operator()(const Bytes&) const { return "bytes"; }
    std::string_view operator()(const std::filesystem::path&) const { return "a path"; }
    std::string_view operator()(const std::vector<Message>&) const { return "messages"; }
    std::string_view operator()(const std::vector<Tensor>& tensors) const {
      return tensors.empty() ? "no tensors" : "tensors";
    }
    std::string_view operator()(const Sound&) const { return "sound"; }
    std::string_view operator()(const PicturesAndTexts&) const { return "pictures with texts"; }
    std::string_view operator()(const GenerationRequest&) const {
      return "a text or messages with options of a language model";
    }
    std::string_view operator()(const TranscriptionRequest&) const {
      return "a sound with options of a transcription";
    }
  };
  return std::visit(Kind(), content);
}

std::unexpected<Error> notTaken(const Model& model, const Content& content,
                                std::string_view takes) {
  return fail(
      ErrorCategory::InvalidInput,
      fmt::format("{} ({}) can't run on {}", model.info().name, model.info().task, kindOf(content)),
      fmt::format("give it {}", takes));
}

/// The bytes of a file, or of the file at a path.
Result<Bytes> bytesOf(const Content& content, const Model& model, std::string_view takes) {
  if (const auto* bytes = std::get_if<Bytes>(&content)) return *bytes;
  std::filesystem::path path;
  if (const auto* given = std::get_if<std::filesystem::path>(&content)) {
    path = *given;
  } else if (const auto* text = std::get_if<std::string>(&content)) {
    path = *text;
  } else {
    return notTaken(model, content, takes);
  }
  auto read = base::readInput(path, kLargestFile, false);
  if (!read) return std::unexpected(read.error());
  return Bytes::adopt(std::move(*read));
}

/// An only tensor, without a name.
const Tensor* onlyTensor(const Content& content) {
  const auto* tensors = std::get_if<std::vector<Tensor>>(&content);
  if (tensors == nullptr || tensors->size() != 1 || !tensors->front().name.empty()) return nullptr;
  return &tensors->front();
}

/// The pixels of a tensor (height x width, or height x width x 1, 3 or 4), or of a file.
Result<Picture> pictureOf(const Content& content, const Model& model) {
  constexpr std::string_view kTakes =
      "a picture: PNG or JPEG, its path, or UINT8 of height x width x 1, 3 or 4";
  if (const auto* tensor = onlyTensor(content)) {
    const auto& shape = tensor->shape;
    const auto channels = shape.size() == 2 ? 1 : shape.size() == 3 ? shape[2] : 0;
    if (auto valid = tensor->validate(); !valid) return std::unexpected(valid.error());
    if (tensor->type != DataType::Uint8 || (channels != 1 && channels != 3 && channels != 4) ||
        tensor->data.empty()) {
      return notTaken(model, content, kTakes);
    }
    Picture picture{std::size_t(shape[0]), std::size_t(shape[1]), {}};
    std::swap(picture.width, picture.height);
    if (picture.width * picture.height > kMostPixels) {
      return fail(ErrorCategory::InvalidInput, "the picture has more than 100 million pixels",
                  "make it smaller");
    }
    const auto bytes = tensor->as<std::uint8_t>();
    if (channels == 4) return media::onWhite(picture.width, picture.height, bytes);
    picture.rgb.reserve(picture.width * picture.height * 3);
    for (std::size_t at = 0; at < bytes.size(); at += std::size_t(channels)) {
      for (std::size_t c = 0; c < 3; ++c) picture.rgb.push_back(bytes[channels == 1 ? at : at + c]);
    }
    return picture;
  }
  const auto bytes = bytesOf(content, model, kTakes);
  if (!bytes) return std::unexpected(bytes.error());
  return decodePicture(bytes->view());
}

/// Samples of any rate, of a tensor of 16 kHz, or of a file.
Result<Sound> soundOf(const Content& content, const Model& model) {
  constexpr std::string_view kTakes =
      "a sound file, its path, or samples: of 16 kHz, or with their rate";
  if (const auto* sound = std::get_if<Sound>(&content)) {
    return media::resampled(*sound, kSpeechRate);
  }
  if (const auto* tensor = onlyTensor(content)) {
    auto sound = soundFrom(*tensor, kSpeechRate);
    return sound ? media::resampled(std::move(*sound), kSpeechRate) : sound;
  }
  const auto bytes = bytesOf(content, model, kTakes);
  if (!bytes) return std::unexpected(bytes.error());
  return decodeSound(bytes->view());
}

/// A picture or a sound as content by itself.
template <class... Kinds>
Content contentOf(const std::variant<Kinds...>& given) {
  return std::visit(
      []<class Kind>(const Kind& kind) {
        if constexpr (std::is_same_v<Kind, Tensor>) {
          return Content(std::vector{kind});
        } else {
          return Content(kind);
        }
      },
      given);
}

std::vector<std::string> textsOf(const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return {*text};
  if (const auto* texts = std::get_if<std::vector<std::string>>(&content)) return *texts;
  return {};
}

class EmbeddingAdapter final : public Adapter {
 public:
  explicit EmbeddingAdapter(Model model) : model_(std::move(model)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto texts = textsOf(content);
    if (texts.empty()) return notTaken(model_, content, "a text, or a list of texts");
    auto vectors = model_.embed(texts, options);
    if (!vectors) return std::unexpected(vectors.error());
    json::array rows;
    for (const auto& vector : vectors->vectors) rows.emplace_back(json::value_from(vector));
    // One text has one vector, a list of texts a list of them.
    const bool one = std::holds_alternative<std::string>(content);
    return Answer{json::serialize(one ? rows.front() : json::value(std::move(rows))),
                  {},
                  vectors->timings,
                  vectors->ranOn,
                  {},
                  std::move(vectors->truncated)};
  }

  bool takesTogether() const override { return true; }

 private:
  Model model_;
};

class GenerationAdapter final : public Adapter {
 public:
  explicit GenerationAdapter(Model model) : model_(std::move(model)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    GenerationRequest request;
    if (const auto* text = std::get_if<std::string>(&content)) {
      request.messages.push_back({"user", *text});
    } else if (const auto* given = std::get_if<std::vector<Message>>(&content)) {
      request.messages = *given;
    } else if (const auto* whole = std::get_if<GenerationRequest>(&content)) {
      request = *whole;
    } else {
      return notTaken(model_, content, "a text, or messages");
    }
    const auto said =
        generate(model_, request.messages, request.generation, options, request.onText);
    if (!said) return std::unexpected(said.error());
    json::object output{{"text", said->text},
                        {"finish_reason", std::string(finishReasonName(said->finish))},
                        {"prompt_tokens", said->promptTokens},
                        {"cached_tokens", said->cachedTokens},
                        {"completion_tokens", said->generatedTokens},
                        {"tokens_per_second", nullptr}};
    // The first token comes out of the prompt: the time of it alone measures nothing.
    if (said->generatedTokens > 1) output["tokens_per_second"] = said->tokensPerSecond();
    if (!said->toolCalls.empty()) {
      output["tool_calls"] = pipelines::toJson(std::span(said->toolCalls));
    }
    if (request.generation.tokenIds) output["tokens"] = json::value_from(said->tokens);
    return Answer{.output = json::serialize(output),
                  .timings = said->timings,
                  .ranOn = said->ranOn,
                  .isBrokenOff = said->finish == FinishReason::Cancelled};
  }

 private:
  Model model_;
};

class SoundAdapter final : public Adapter {
 public:
  explicit SoundAdapter(Model model) : model_(std::move(model)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const bool detects = model_.info().task == "voice-activity-detection";
    const auto* request = std::get_if<TranscriptionRequest>(&content);
    if (detects && request != nullptr) return notTaken(model_, content, "a sound alone");
    const auto sound = soundOf(request != nullptr ? contentOf(request->sound) : content, model_);
    if (!sound) return std::unexpected(sound.error());
    if (detects) return detect(*sound, options);
    return say(*sound, request != nullptr ? request->transcribe : TranscribeOptions{}, options);
  }

 private:
  Result<Answer> detect(const Sound& sound, const RunOptions& options) const {
    auto found = detectSpeech(model_, sound, {}, options);
    if (!found) return std::unexpected(found.error());
    json::array spans;
    for (const auto& [start, end] : found->spans) spans.push_back({{"start", start}, {"end", end}});
    return Answer{json::serialize(json::object{{"speech", std::move(spans)}}),
                  std::move(found->inference.outputs), found->inference.timings,
                  found->inference.ranOn};
  }

  Result<Answer> say(const Sound& sound, const TranscribeOptions& how,
                     const RunOptions& options) const {
    const auto said = transcribe(model_, sound, how, options);
    if (!said) return std::unexpected(said.error());
    json::array segments;
    for (const auto& [start, end, text] : said->segments) {
      segments.push_back({{"start", start}, {"end", end}, {"text", text}});
    }
    return Answer{
        json::serialize(json::object{
            {"text", said->text}, {"language", said->language}, {"segments", std::move(segments)}}),
        {},
        said->timings,
        said->ranOn};
  }

  Model model_;
};

class OcrAdapter final : public Adapter {
 public:
  OcrAdapter(Model model, TextReader reader)
      : model_(std::move(model)), reader_(std::move(reader)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto picture = pictureOf(content, model_);
    if (!picture) return std::unexpected(picture.error());
    const auto page = reader_.read(*picture, {}, options);
    if (!page) return std::unexpected(page.error());
    json::array lines;
    for (const auto& line : page->lines) {
      json::array box;
      for (const auto& corner : line.box) box.push_back(json::array{corner.x, corner.y});
      lines.push_back({{"text", line.text}, {"score", line.score}, {"box", std::move(box)}});
    }
    return Answer{
        json::serialize(json::object{{"lines", std::move(lines)}}), {}, page->timings, page->ranOn};
  }

 private:
  Model model_;
  TextReader reader_;
};

class FileTypeAdapter final : public Adapter {
 public:
  explicit FileTypeAdapter(Model model) : model_(std::move(model)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto bytes = bytesOf(content, model_, "a file or its path");
    if (!bytes) return std::unexpected(bytes.error());
    const std::span<const std::byte> view = bytes->view();
    const auto types = detectFileTypes(model_, std::span(&view, 1), options);
    if (!types) return std::unexpected(types.error());
    const auto& type = types->files.front();
    return Answer{json::serialize(json::array{json::object{{"label", type.label},
                                                           {"score", type.score},
                                                           {"mime", type.mime},
                                                           {"group", type.group}}}),
                  {},
                  types->timings,
                  types->ranOn};
  }

 private:
  Model model_;
};

/// Of one text the answer for it, of a list of texts a list of them.
class TextHeadAdapter final : public Adapter {
 public:
  TextHeadAdapter(Model model, std::optional<MaskFiller> filler)
      : model_(std::move(model)), filler_(std::move(filler)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto texts = textsOf(content);
    if (texts.empty()) return notTaken(model_, content, "a text, or a list of texts");
    const bool one = std::holds_alternative<std::string>(content);
    const auto& task = model_.info().task;
    if (filler_) return said(filler_->fill(texts, {}, options), &FilledTexts::texts, one);
    if (task == "token-classification") {
      return said(findEntities(model_, texts, options), &TextEntities::texts, one);
    }
    if (task == "feature-extraction") {
      return said(tokenStates(model_, texts, options), &TextStates::texts, one);
    }
    return said(classifyTexts(model_, texts, {.topK = 0}, options), &Classification::items, one);
  }

 private:
  template <class Said, class Items>
  static Result<Answer> said(const Result<Said>& answer, Items Said::* items, bool one) {
    if (!answer) return std::unexpected(answer.error());
    json::array list;
    for (const auto& item : (*answer).*items) list.emplace_back(pipelines::toJson(item));
    return Answer{json::serialize(one ? list.front() : json::value(std::move(list))),
                  {},
                  answer->timings,
                  answer->ranOn,
                  {},
                  answer->truncated};
  }

  Model model_;
  std::optional<MaskFiller> filler_;
};

class ImageLabelsAdapter final : public Adapter {
 public:
  explicit ImageLabelsAdapter(Model model) : model_(std::move(model)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto picture = pictureOf(content, model_);
    if (!picture) return std::unexpected(picture.error());
    const auto labels = classifyPictures(model_, std::span(&*picture, 1), {}, options);
    if (!labels) return std::unexpected(labels.error());
    return Answer{json::serialize(pipelines::toJson(labels->items.front())),
                  {},
                  labels->timings,
                  labels->ranOn};
  }

 private:
  Model model_;
};

class PictureTextAdapter final : public Adapter {
 public:
  PictureTextAdapter(Model model, PictureTextModel both)
      : model_(std::move(model)), both_(std::move(both)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    auto texts = textsOf(content);
    std::vector<Picture> pictures;
    std::vector<Content> given;
    if (const auto* both = std::get_if<PicturesAndTexts>(&content)) {
      texts = both->texts;
      for (const auto& one : both->pictures) given.push_back(contentOf(one));
    } else if (texts.empty()) {
      given.push_back(content);
    }
    for (const auto& one : given) {
      auto picture = pictureOf(one, model_);
      if (!picture) return std::unexpected(picture.error());
      pictures.push_back(std::move(*picture));
    }
    const auto answer = both_.compare(pictures, texts, options);
    if (!answer) return std::unexpected(answer.error());
    const bool pictured = !pictures.empty();
    return Answer{json::serialize(pipelines::toJson(*answer)),
                  {},
                  pictured ? answer->pictureTimings : answer->textTimings,
                  pictured ? answer->picturesRanOn : answer->textsRanOn,
                  {},
                  answer->truncated};
  }

 private:
  Model model_;
  PictureTextModel both_;
};

class TensorAdapter final : public Adapter {
 public:
  explicit TensorAdapter(Model model) : model_(std::move(model)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto* tensors = std::get_if<std::vector<Tensor>>(&content);
    if (tensors == nullptr) return notTaken(model_, content, "tensors");
    auto inputs = *tensors;
    if (onlyTensor(content) != nullptr && model_.info().inputs.size() == 1) {
      inputs.front().name = model_.info().inputs.front().name;
    }
    auto answer = model_.run(std::move(inputs), options);
    if (!answer) return std::unexpected(answer.error());
    auto output = outputsJson(answer->outputs);
    return Answer{std::move(output), std::move(answer->outputs), answer->timings, answer->ranOn};
  }

 private:
  Model model_;
};

}  // namespace

std::string outputsJson(const std::vector<Tensor>& tensors) {
  json::array outputs;
  for (const auto& output : tensors) {
    outputs.push_back({{"name", output.name},
                       {"datatype", std::string(dataTypeName(output.type))},
                       {"shape", json::value_from(output.shape)}});
  }
  return json::serialize(json::object{{"outputs", std::move(outputs)}});
}

Result<std::unique_ptr<Adapter>> makeAdapter(Model model) {
  const auto& task = model.info().task;
  if (task == "text-embedding") return std::make_unique<EmbeddingAdapter>(std::move(model));
  if (task == "text-generation") return std::make_unique<GenerationAdapter>(std::move(model));
  if (task == "automatic-speech-recognition" || task == "voice-activity-detection") {
    return std::make_unique<SoundAdapter>(std::move(model));
  }
  if (task == "fill-mask") {
    auto filler = MaskFiller::of(model);
    if (!filler) return std::unexpected(filler.error());
    return std::make_unique<TextHeadAdapter>(std::move(model), std::move(*filler));
  }
  if (task == "text-classification" || task == "token-classification" ||
      task == "feature-extraction") {
    return std::make_unique<TextHeadAdapter>(std::move(model), std::nullopt);
  }
  if (task == "image-classification") return std::make_unique<ImageLabelsAdapter>(std::move(model));
  if (task == "multimodal-embedding") {
    auto both = PictureTextModel::of(model);
    if (!both) return std::unexpected(both.error());
    return std::make_unique<PictureTextAdapter>(std::move(model), std::move(*both));
  }
  if (task == "file-type-detection") return std::make_unique<FileTypeAdapter>(std::move(model));
  if (task == "tensors") return std::make_unique<TensorAdapter>(std::move(model));
  if (task == "optical-character-recognition") {
    auto reader = TextReader::of(model);
    if (!reader) return std::unexpected(reader.error());
    return std::make_unique<OcrAdapter>(std::move(model), std::move(*reader));
  }
  return fail(ErrorCategory::Unsupported,
              fmt::format("the bridge has no way to run the task {}", task));
}

}  // namespace webpool::bridge

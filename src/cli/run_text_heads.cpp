// Tasks over a text model's head: labels, entities, missing words, states of tokens, vectors.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <type_traits>

#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "cli/run_task.h"
#include "cli/terminal.h"
#include "pipelines/answers_json.h"
#include "pool/texts.h"
#include "webpool/text.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

template <class Answer>
std::vector<bool> truncatedOf(const Answer& answer) {
  if constexpr (std::is_same_v<Answer, Inference>) {
    return pool::cutTexts(answer);
  } else {
    return answer.truncated;
  }
}

/// Reads the texts and asks as often as was said; what is asked and shown is the task's own.
template <class Answer>
class TextTask : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "text", "texts"); !none) return none;
    if (auto none = refuseOutputs(flags, description, gives()); !none) return none;
    auto texts = readTexts(flags);
    if (!texts) return std::unexpected(texts.error());
    texts_ = std::move(*texts);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    if (auto ready = begin(model); !ready) return reportError(ready.error());
    auto answer = ask(flags, model, options);
    for (unsigned i = 1; answer && i < flags.repeat; ++i) answer = ask(flags, model, options);
    if (!answer) return reportError(answer.error());
    if (flags.json) {
      auto object = summary({model, answer->ranOn, answer->timings});
      json::array list;
      for (std::size_t i = 0; i < texts_.size(); ++i) list.emplace_back(toJson(*answer, i));
      object[key()] = std::move(list);
      addTruncated(object, truncatedOf(*answer));
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      std::printf("%s\n", fitText(texts_[i], 78).c_str());
      print(*answer, i);
    }
    printRan({model, answer->ranOn, answer->timings});
    printTruncated(truncatedOf(*answer));
    return 0;
  }

 protected:
  virtual std::string_view gives() const = 0;  ///< in words
  virtual std::string_view key() const = 0;    ///< of the list in JSON
  virtual Result<void> begin(const Model&) { return {}; }
  virtual Result<Answer> ask(const RunFlags& flags, const Model& model,
                             const RunOptions& options) = 0;
  virtual json::value toJson(const Answer& answer, std::size_t text) const = 0;
  virtual void print(const Answer& answer, std::size_t text) const = 0;

  std::vector<std::string> texts_;
};

class ClassificationTask final : public TextTask<Classification> {
  std::string_view gives() const override { return "labels"; }
  std::string_view key() const override { return "labels"; }
  Result<Classification> ask(const RunFlags& flags, const Model& model,
                             const RunOptions& options) override {
    return classifyTexts(model, texts_, {.topK = flags.topK.value_or(kUsualTopK)}, options);
  }
  json::value toJson(const Classification& answer, std::size_t text) const override {
    return pipelines::toJson(answer.items[text]);
  }
  void print(const Classification& answer, std::size_t text) const override {
    printLabels(answer.items[text]);
  }
};

class EntitiesTask final : public TextTask<TextEntities> {
  std::string_view gives() const override { return "entities"; }
  std::string_view key() const override { return "texts"; }
  Result<TextEntities> ask(const RunFlags&, const Model& model,
                           const RunOptions& options) override {
    return findEntities(model, texts_, options);
  }
  json::value toJson(const TextEntities& answer, std::size_t text) const override {
    return json::object{{"entities", pipelines::toJson(answer.texts[text])},
                        {"tokens", pipelines::toJson(answer.tokens[text])}};
  }
  void print(const TextEntities& answer, std::size_t text) const override {
    for (const auto& entity : answer.texts[text]) {
      std::printf("  %-12s %5.1f %%  %s\n", entity.label.c_str(), 100 * entity.score,
                  fitText(entity.word, 50).c_str());
    }
    if (answer.texts[text].empty()) std::printf("  nothing named\n");
  }
};

class FillMaskTask final : public TextTask<FilledTexts> {
  std::string_view gives() const override { return "words"; }
  std::string_view key() const override { return "masks"; }
  Result<void> begin(const Model& model) override {
    auto filler = MaskFiller::of(model);
    if (!filler) return std::unexpected(filler.error());
    filler_ = std::move(*filler);
    return {};
  }
  Result<FilledTexts> ask(const RunFlags& flags, const Model&, const RunOptions& options) override {
    return filler_->fill(texts_, {.topK = flags.topK.value_or(kUsualTopK)}, options);
  }
  json::value toJson(const FilledTexts& answer, std::size_t text) const override {
    return pipelines::toJson(answer.texts[text]);
  }
  void print(const FilledTexts& answer, std::size_t text) const override {
    const auto& masks = answer.texts[text];
    for (std::size_t mask = 0; mask < masks.size(); ++mask) {
      if (masks.size() > 1) std::printf("  mask %zu\n", mask + 1);
      for (const auto& word : masks[mask]) {
        std::printf("  %5.1f %%  %-16s %s\n", 100 * word.score, word.word.c_str(),
                    fitText(word.text, 50).c_str());
      }
    }
  }

  std::optional<MaskFiller> filler_;
};

class TokenStatesTask final : public TextTask<TextStates> {
  std::string_view gives() const override { return "states of tokens"; }
  std::string_view key() const override { return "texts"; }
  Result<TextStates> ask(const RunFlags&, const Model& model, const RunOptions& options) override {
    return tokenStates(model, texts_, options);
  }
  json::value toJson(const TextStates& answer, std::size_t text) const override {
    return pipelines::toJson(answer.texts[text]);
  }
  void print(const TextStates& answer, std::size_t text) const override {
    const auto& states = answer.texts[text];
    const auto width = static_cast<std::size_t>(states.states.shape.back());
    const auto values = states.states.as<float>();
    for (std::size_t i = 0; i < states.tokens.size(); ++i) {
      const auto row = values.subspan(i * width, width);
      std::printf("  %-16s [", states.tokens[i].c_str());
      for (std::size_t k = 0; k < std::min<std::size_t>(3, width); ++k) {
        std::printf("%.4f, ", double(row[k]));
      }
      std::printf("… %zu]\n", width);
    }
  }
};

class TextProjectionTask final : public TextTask<Inference> {
  std::string_view gives() const override { return "vectors"; }
  std::string_view key() const override { return "embeddings"; }
  Result<Inference> ask(const RunFlags&, const Model& model, const RunOptions& options) override {
    return model.run({pool::textTensor(texts_)}, options);
  }
  static std::span<const float> row(const Inference& answer, std::size_t text) {
    const auto& output = answer.outputs.front();
    const auto width = static_cast<std::size_t>(output.shape.back());
    return output.as<float>().subspan(text * width, width);
  }
  json::value toJson(const Inference& answer, std::size_t text) const override {
    const auto values = row(answer, text);
    return json::array(values.begin(), values.end());
  }
  void print(const Inference& answer, std::size_t text) const override {
    const auto values = row(answer, text);
    std::printf("  [%.4f, … %zu]\n", double(values.front()), values.size());
  }
};

}  // namespace

std::unique_ptr<RunTask> runClassificationTask() {
  return std::make_unique<ClassificationTask>();
}
std::unique_ptr<RunTask> runEntitiesTask() {
  return std::make_unique<EntitiesTask>();
}
std::unique_ptr<RunTask> runFillMaskTask() {
  return std::make_unique<FillMaskTask>();
}
std::unique_ptr<RunTask> runTokenStatesTask() {
  return std::make_unique<TokenStatesTask>();
}
std::unique_ptr<RunTask> runTextProjectionTask() {
  return std::make_unique<TextProjectionTask>();
}

}  // namespace webpool::cli

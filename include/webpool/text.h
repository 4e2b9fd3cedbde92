// Texts: what they are about, what is named in them, which words are missing.
//
//   auto labels = webpool::classifyTexts(*(*pool)->load("./sentiment"), texts);
//   auto filler = webpool::MaskFiller::of(*(*pool)->load("./bert"));
//   auto words = filler->fill(std::vector<std::string>{"Paris is the [MASK] of France."});
//
// For models of BERT's kind in the Hugging Face layout. All functions block and are thread-safe.
// Errors beside those of Model::run(): InvalidArgument for a model of another task, InvalidModel
// for a configuration that can't be read, WrongResult for scores that are no numbers.
//
// A text longer than the model reads is cut; the answers tell which were (`truncated`). A model
// whose output is not what the task needs, as states of another width than its config.json says
// that it has labels or words, is Unsupported when it is loaded.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "webpool/label.h"
#include "webpool/model.h"

namespace webpool {

/// For a model of task "text-classification".
Result<Classification> classifyTexts(const Model& model, std::span<const std::string> texts,
                                     const ClassifyOptions& classifying = {},
                                     const RunOptions& options = {});

/// Something named in a text. Positions count characters (code points), not bytes.
struct Entity {
  std::string label;  ///< "PER"; without the "B-" or "I-" of the model's labels
  double score = 0;   ///< mean of its tokens
  std::string word;   ///< as it stands in the text
  std::size_t start = 0;
  std::size_t end = 0;  ///< behind its last character
};

/// What the model says of one token.
struct TokenLabel {
  std::string token;
  std::string label;  ///< whole: "B-PER", "O"
  double score = 0;
  std::int64_t start = -1;  ///< in characters; −1 where it stands for none of the text
  std::int64_t end = -1;
};

struct TextEntities {
  std::vector<std::vector<Entity>> texts;       ///< neighbours of one label together; no "O"
  std::vector<std::vector<TokenLabel>> tokens;  ///< those that stand for a part of the text
  RunTimings timings;
  RanOn ranOn;
  std::vector<bool> truncated{};  ///< by text: longer than the model reads; empty: none was
};

/// For a model of task "token-classification".
Result<TextEntities> findEntities(const Model& model, std::span<const std::string> texts,
                                  const RunOptions& options = {});

/// A word that may stand where a mask is.
struct FilledWord {
  std::string word;
  double score = 0;
  std::int64_t token = 0;  ///< its id
  std::string text;        ///< the whole text with it; other masks stay
};

struct FilledTexts {
  std::vector<std::vector<std::vector<FilledWord>>> texts;  ///< by text, by mask, best first
  RunTimings timings;
  RanOn ranOn;
  std::vector<bool> truncated{};  ///< by text: longer than the model reads; empty: none was
};

/// For a model of task "fill-mask": holds its vocabulary. Cheap to copy.
class MaskFiller {
 public:
  static Result<MaskFiller> of(const Model& model);

  /// "[MASK]" or "<mask>", as the model wants it written.
  const std::string& mask() const;

  /// InvalidInput for a text without a mask, and for one with a mask beyond what the model reads.
  Result<FilledTexts> fill(std::span<const std::string> texts,
                           const ClassifyOptions& classifying = {},
                           const RunOptions& options = {}) const;

 private:
  struct Words;
  MaskFiller(Model model, std::shared_ptr<const Words> words);

  Model model_;
  std::shared_ptr<const Words> words_;
};

/// What a model made of each token of a text.
struct TokenStates {
  std::vector<std::string> tokens;  ///< with those that the tokenizer puts around the text
  /// Characters from and to; −1, −1 for a token that stands for none of the text.
  std::vector<std::pair<std::int64_t, std::int64_t>> offsets;
  Tensor states;  ///< FP32 [tokens, dimensions]
};

struct TextStates {
  std::vector<TokenStates> texts;
  RunTimings timings;
  RanOn ranOn;
  std::vector<bool> truncated{};  ///< by text: longer than the model reads; empty: none was
};

/// For a model of task "feature-extraction".
Result<TextStates> tokenStates(const Model& model, std::span<const std::string> texts,
                               const RunOptions& options = {});

}  // namespace webpool

// Pictures and texts in one space of vectors: CLIP-shaped models.
//
//   auto model = webpool::PictureTextModel::of(*(*pool)->load("./clip"));
//   auto answer = model->compare(pictures, texts);  // answer->similarity[picture][text]
#pragma once

#include <span>
#include <string>
#include <vector>

#include "webpool/model.h"
#include "webpool/vision.h"

namespace webpool {

struct PictureTextAnswer {
  std::vector<std::vector<float>> pictures;  ///< a vector of length 1 for each
  std::vector<std::vector<float>> texts;     ///< likewise
  /// Cosine of each picture (first index) and each text.
  std::vector<std::vector<double>> similarity;
  RunTimings pictureTimings;
  RunTimings textTimings;
  RanOn picturesRanOn;  ///< empty where there were none
  RanOn textsRanOn;
  std::vector<bool> truncated{};  ///< by text: longer than the model reads; empty: none was
};

/// The picture's and the text's graph are components of one model ("vision_model", "text_model"):
/// each is loaded when it is first needed, both at the same time where both are. Thread-safe.
class PictureTextModel {
 public:
  /// For a model of task "multimodal-embedding". InvalidModel where its preprocessor_config.json
  /// can't be followed; NotFound where a component is missing.
  static Result<PictureTextModel> of(const Model& model);

  /// The graphs that it runs.
  std::vector<Model> graphs() const { return {pictures_, texts_}; }

  /// Either may be empty, not both. Blocks. Errors: those of Model::run().
  Result<PictureTextAnswer> compare(std::span<const Picture> pictures,
                                    std::span<const std::string> texts,
                                    const RunOptions& options = {}) const;

 private:
  PictureTextModel(Model pictures, Model texts, std::string preprocessor);

  Model pictures_;
  Model texts_;
  std::string preprocessor_;
};

}  // namespace webpool

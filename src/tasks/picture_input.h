// A picture as the input of a vision model, as its preprocessor_config.json (Hugging Face) says.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tasks/pixels.h"
#include "tasks/resample.h"

namespace webpool::tasks {

class PictureInput {
 public:
  /// InvalidModel for what is no such file; Unsupported for steps that are not known here.
  static Result<PictureInput> read(std::string_view preprocessor);

  std::size_t width() const { return crop_ ? cropWidth_ : width_; }
  std::size_t height() const { return crop_ ? cropHeight_ : height_; }

  /// Writes [3, height, width] into `to`.
  void write(const Picture& picture, float* to) const;

 private:
  std::size_t width_ = 0;  ///< made so wide, and so high, before it is cut
  std::size_t height_ = 0;
  std::size_t shortestEdge_ = 0;  ///< instead, where not 0: the shape stays
  bool resize_ = true;
  bool crop_ = false;
  std::size_t cropWidth_ = 0;
  std::size_t cropHeight_ = 0;
  Filter filter_ = Filter::Bilinear;
  Normalisation normalisation_;
};

}  // namespace webpool::tasks

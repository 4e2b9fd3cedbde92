// Where lines of text are, from a map of how likely each pixel belongs to the middle of one (Liao
// et al. 2020, "Real-time Scene Text Detection with Differentiable Binarization"). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "webpool/vision.h"

namespace webpool::tasks {

/// A rectangle, perhaps leaning: upper left, upper right, lower right, lower left as it is read.
struct TextBox {
  std::array<Point, 4> corners{};
  double score = 0;  ///< mean probability inside, before it is grown
};

/// The defaults are those that PP-OCR is published with.
struct TextBoxOptions {
  float threshold = 0.3F;   ///< from here on a pixel is text
  double leastScore = 0.6;  ///< boxes below are none
  double growth = 1.5;      ///< the map shows lines thinner than they are: area × growth ÷ girth
  double leastSide = 3;     ///< pixels
  std::size_t most = 1000;
};

/// `map`: rows of `width`. In no order.
std::vector<TextBox> textBoxes(std::span<const float> map, std::size_t width, std::size_t height,
                               const TextBoxOptions& options = {});

/// From the top; boxes whose tops are nearly at one height from the left.
void sortAsRead(std::vector<TextBox>& boxes);

}  // namespace webpool::tasks

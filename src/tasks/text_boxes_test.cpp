#include "tasks/text_boxes.h"

#include <gmock/gmock.h>

#include <cmath>

namespace webpool::tasks {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kHeight = 60;

class Map {
 public:
  /// A band of that probability around the line, `half` pixels to each side.
  Map& band(Point from, Point to, double half, float probability = 0.9F) {
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    const Point along{(to.x - from.x) / length, (to.y - from.y) / length};
    for (std::size_t y = 0; y < kHeight; ++y) {
      for (std::size_t x = 0; x < kWidth; ++x) {
        const double dx = double(x) - from.x;
        const double dy = double(y) - from.y;
        const double at = dx * along.x + dy * along.y;
        if (at >= 0 && at <= length && std::abs(dy * along.x - dx * along.y) <= half) {
          values_[y * kWidth + x] = probability;
        }
      }
    }
    return *this;
  }
  std::vector<TextBox> boxes() const { return textBoxes(values_, kWidth, kHeight); }

 private:
  std::vector<float> values_ = std::vector<float>(kWidth * kHeight, 0.05F);
};

void expectCorner(const Point& corner, double x, double y, double within = 0.01) {
  EXPECT_NEAR(corner.x, x, within);
  EXPECT_NEAR(corner.y, y, within);
}

TEST(TextBoxes, ALevelOneIsGrown) {
  const auto boxes = Map().band({20, 30}, {60, 30}, 4).boxes();
  ASSERT_EQ(boxes.size(), 1U);
  EXPECT_NEAR(boxes[0].score, 0.9, 1e-6);
  // 40 by 8 pixels: grown by 320 × 1.5 ÷ 96 = 5 on each side.
  expectCorner(boxes[0].corners[0], 15, 21);
  expectCorner(boxes[0].corners[1], 65, 21);
  expectCorner(boxes[0].corners[2], 65, 39);
  expectCorner(boxes[0].corners[3], 15, 39);
}

TEST(TextBoxes, ALeaningOneKeepsItsDirection) {
  const auto boxes = Map().band({20, 20}, {60, 40}, 4).boxes();
  ASSERT_EQ(boxes.size(), 1U);
  const auto& corners = boxes[0].corners;
  EXPECT_NEAR(std::atan2(corners[1].y - corners[0].y, corners[1].x - corners[0].x),
              std::atan2(20, 40), 0.05);
  EXPECT_LT(corners[0].y, corners[3].y);
}

TEST(TextBoxes, SmallAndFaintOnesAreNone) {
  EXPECT_TRUE(Map().boxes().empty());
  EXPECT_TRUE(Map().band({20, 30}, {22, 30}, 1).boxes().empty());
  EXPECT_TRUE(Map().band({20, 30}, {60, 30}, 4, 0.4F).boxes().empty());
}

TEST(TextBoxes, OnesThatDoNotTouchAreApart) {
  auto boxes = Map()
                   .band({60, 31}, {90, 31}, 3)
                   .band({10, 10}, {40, 10}, 3)
                   .band({10, 30}, {40, 30}, 3)
                   .boxes();
  ASSERT_EQ(boxes.size(), 3U);
  sortAsRead(boxes);
  EXPECT_LT(boxes[0].corners[0].y, 10);
  EXPECT_LT(boxes[1].corners[0].x, 20);
  EXPECT_GT(boxes[2].corners[0].x, 50) << "beside the one before, though a pixel lower";
}

TEST(TextBoxes, AMapFullOfTextIsOneBox) {
  EXPECT_EQ(textBoxes(std::vector<float>(64, 1), 8, 8).size(), 1U);
}

}  // namespace
}  // namespace webpool::tasks

#include "tasks/pixels.h"

#include <gmock/gmock.h>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;

/// A grey picture.
Picture grey(std::size_t width, std::size_t height, const std::vector<std::uint8_t>& values) {
  Picture picture{width, height, {}};
  for (const auto value : values) picture.rgb.insert(picture.rgb.end(), 3, value);
  return picture;
}

std::vector<int> valuesOf(const Picture& picture) {
  std::vector<int> values;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) values.push_back(picture.rgb[i]);
  return values;
}

TEST(Pixels, ResizedByPixelCentres) {
  EXPECT_THAT(valuesOf(resized(grey(2, 1, {0, 100}), 4, 1)), ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(valuesOf(resized(grey(4, 1, {0, 10, 20, 30}), 2, 1)), ElementsAre(5, 25));
  EXPECT_THAT(valuesOf(resized(grey(1, 1, {7}), 2, 2)), ElementsAre(7, 7, 7, 7));
}

TEST(Pixels, CutOutAlongTheCorners) {
  const auto picture = grey(3, 2, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(valuesOf(cutOut(picture, {{{1, 0}, {3, 0}, {3, 2}, {1, 2}}}, 2, 2)),
              ElementsAre(2, 3, 5, 6));
  // Read from below upwards: the box stands on its side.
  EXPECT_THAT(valuesOf(cutOut(picture, {{{0, 1}, {0, -1}, {2, -1}, {2, 1}}}, 2, 2)),
              ElementsAre(4, 1, 5, 2));
}

TEST(Pixels, Turned) {
  const auto picture = grey(3, 2, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(valuesOf(upsideDown(picture)), ElementsAre(6, 5, 4, 3, 2, 1));
  const auto left = quarterLeft(picture);
  EXPECT_EQ(left.width, 2U);
  EXPECT_THAT(valuesOf(left), ElementsAre(3, 6, 2, 5, 1, 4));
}

TEST(Pixels, PlanesInTheModelsOrder) {
  const Picture picture{1, 1, {255, 0, 51}};
  std::vector<float> planes(6, 9);
  writePlanes(picture, {{0.5F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.5F}, true}, 2, planes.data());
  EXPECT_THAT(planes, ElementsAre(testing::FloatNear(-0.6F, 1e-6F), 9, -1, 9, 1, 9));
}

}  // namespace
}  // namespace webpool::tasks

#include "onnx/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace webpool::onnx {
namespace {

TEST(Half, EveryValueRoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const auto value = fromHalf(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(fromHalf(toHalf(static_cast<double>(value)))));
    } else {
      ASSERT_EQ(toHalf(static_cast<double>(value)), half) << value;
    }
  }
}

TEST(Half, KnownValues) {
  EXPECT_EQ(fromHalf(0x3c00), 1.0F);
  EXPECT_EQ(fromHalf(0xc000), -2.0F);
  EXPECT_EQ(fromHalf(0x7bff), 65504.0F);
  EXPECT_EQ(fromHalf(0x0001), 0x1p-24F);
  EXPECT_EQ(fromHalf(0x03ff), 0x3ffp-24F);
  EXPECT_EQ(toHalf(1.0 / 3.0), 0x3555);
  EXPECT_EQ(toHalf(-0.0), 0x8000);
}

TEST(Half, TiesGoToEven) {
  EXPECT_EQ(toHalf(2049), toHalf(2048));  // halfway between 2048 and 2050
  EXPECT_EQ(toHalf(2051), toHalf(2052));
  EXPECT_EQ(toHalf(2049.0000001), toHalf(2050));
  EXPECT_EQ(toHalf(0x1p-25), 0);  // halfway between 0 and the smallest
  EXPECT_EQ(toHalf(0x1.000001p-25), 1);
  EXPECT_EQ(toHalf(0x3p-25), 2);
}

TEST(Half, EveryMidpointGoesToTheEvenNeighbour) {
  for (std::uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const auto low = static_cast<double>(fromHalf(bits));
    const auto high = static_cast<double>(fromHalf(static_cast<std::uint16_t>(bits + 1)));
    const auto middle = (low + high) / 2;
    ASSERT_EQ(toHalf(middle), bits % 2 == 0 ? bits : bits + 1) << middle;
    ASSERT_EQ(toHalf(std::nextafter(middle, 0.0)), bits);
    ASSERT_EQ(toHalf(std::nextafter(middle, high)), bits + 1);
  }
}

TEST(Half, LargeValuesBecomeInfinity) {
  EXPECT_EQ(toHalf(65519.99), 0x7bff);
  EXPECT_EQ(toHalf(65520), 0x7c00);
  EXPECT_EQ(toHalf(-1e300), 0xfc00);
  EXPECT_EQ(toHalf(std::numeric_limits<double>::infinity()), 0x7c00);
}

TEST(Bfloat16, RoundsToNearestEven) {
  EXPECT_EQ(toBfloat16(1.0F), 0x3f80);
  EXPECT_EQ(toBfloat16(1.00390625F), 0x3f80);  // halfway, to the even one
  EXPECT_EQ(toBfloat16(1.01171875F), 0x3f82);
  EXPECT_EQ(toBfloat16(1.004F), 0x3f81);
  EXPECT_EQ(fromBfloat16(0x4049), 3.140625F);
  EXPECT_TRUE(std::isnan(fromBfloat16(toBfloat16(std::nanf("")))));
  EXPECT_TRUE(std::isinf(fromBfloat16(toBfloat16(std::numeric_limits<float>::max()))));
}

}  // namespace
}  // namespace webpool::onnx

#include "webpool/tensor.h"

#include <gtest/gtest.h>

#include <array>

namespace webpool {
namespace {

TEST(Tensor, SizeMustMatchShapeAndType) {
  const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
  EXPECT_TRUE(Tensor::of<float>("x", DataType::Fp32, {2, 3}, values).validate());
  const auto wrong = Tensor::of<float>("x", DataType::Fp32, {2, 4}, values).validate();
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().category, ErrorCategory::InvalidInput);
  EXPECT_EQ(wrong.error().message, "tensor 'x': FP32 [2, 4] needs 32 bytes, got 24");
}

TEST(Tensor, OverflowingAndNegativeShapesAreRefused) {
  Tensor tensor{"x", DataType::Fp32, {std::int64_t{1} << 62, 8}, {}};
  EXPECT_FALSE(tensor.validate());
  tensor.shape = {-1, 0};
  EXPECT_FALSE(tensor.validate());
  tensor.shape = {(std::int64_t{1} << 62)};
  EXPECT_FALSE(tensor.validate());
}

TEST(Tensor, StringLengthsAreChecked) {
  const std::string good("\x02\0\0\0hi\0\0\0\0", 10);
  EXPECT_TRUE((Tensor{"t", DataType::Bytes, {2}, Bytes::copyOf(good)}.validate()));
  EXPECT_FALSE((Tensor{"t", DataType::Bytes, {1}, Bytes::copyOf(good)}.validate()));
  EXPECT_FALSE((Tensor{"t", DataType::Bytes, {3}, Bytes::copyOf(good)}.validate()));
  const std::string lying("\xff\0\0\0hi", 6);
  EXPECT_FALSE((Tensor{"t", DataType::Bytes, {1}, Bytes::copyOf(lying)}.validate()));
}

TEST(Bytes, SliceSharesAndClamps) {
  const auto bytes = Bytes::copyOf("hello world");
  const auto tail = bytes.slice(6, 100);
  EXPECT_EQ(tail.text(), "world");
  EXPECT_EQ(static_cast<const void*>(tail.data()), bytes.data() + 6);
  EXPECT_TRUE(bytes.slice(50, 1).empty());
}

TEST(DataType, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(DataType::Bytes); ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(dataTypeFromName(dataTypeName(type)), type);
  }
  EXPECT_FALSE(dataTypeFromName("FLOAT"));
}

TEST(ErrorCategory, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(ErrorCategory::Internal); ++i) {
    const auto category = static_cast<ErrorCategory>(i);
    EXPECT_EQ(categoryFromName(categoryName(category)), category);
  }
}

}  // namespace
}  // namespace webpool

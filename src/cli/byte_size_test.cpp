#include "cli/byte_size.h"

#include <gtest/gtest.h>

namespace webpool::cli {
namespace {

TEST(ByteSize, NumbersWithUnits) {
  EXPECT_EQ(parseByteSize("4GB"), 4'000'000'000U);
  EXPECT_EQ(parseByteSize("4g"), 4'000'000'000U);
  EXPECT_EQ(parseByteSize("1.5GiB"), 1'610'612'736U);
  EXPECT_EQ(parseByteSize("900 mb"), 900'000'000U);
  EXPECT_EQ(parseByteSize("1048576"), 1'048'576U);
  EXPECT_EQ(parseByteSize("7B"), 7U);
  EXPECT_EQ(parseByteSize("2Ti"), 2'199'023'255'552U);
}

TEST(ByteSize, AnythingElse) {
  for (const auto* text : {"", "much", "-1", "-4GB", "GB", "4XB", "4 G B", "4gbb", "4i", "0", "0.1",
                           "1e30", "nan", "inf", "99999999999999999999", "20000000TB"}) {
    EXPECT_FALSE(parseByteSize(text)) << text;
  }
}

}  // namespace
}  // namespace webpool::cli

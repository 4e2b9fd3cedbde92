#include "api/byte_range.h"

#include <gtest/gtest.h>

namespace webpool::api {
namespace {

using Parsed = std::variant<WholeBody, ByteRange, UnsatisfiableRange>;

TEST(ByteRange, TakesTheThreeForms) {
  EXPECT_EQ(parseRange("bytes=0-0", 10), Parsed(ByteRange{0, 1}));
  EXPECT_EQ(parseRange("bytes=2-5", 10), Parsed(ByteRange{2, 4}));
  EXPECT_EQ(parseRange("BYTES= 2-5", 10), Parsed(ByteRange{2, 4})) << "units have no case";
  EXPECT_EQ(parseRange("bytes=2-", 10), Parsed(ByteRange{2, 8}));
  EXPECT_EQ(parseRange("bytes=-3", 10), Parsed(ByteRange{7, 3}));
  EXPECT_EQ(parseRange("bytes=-30", 10), Parsed(ByteRange{0, 10}));
  EXPECT_EQ(parseRange("bytes=8-99", 10), Parsed(ByteRange{8, 2}));
}

TEST(ByteRange, TheFirstOfSeveral) {
  EXPECT_EQ(parseRange("bytes=6-8,0-4", 10), Parsed(ByteRange{6, 3}));
  EXPECT_EQ(parseRange("bytes=-1, 0-4", 10), Parsed(ByteRange{9, 1}));
  EXPECT_EQ(parseRange("bytes=10-,0-3", 10), Parsed(ByteRange{0, 4})) << "that can be met";
  EXPECT_EQ(parseRange("bytes=10- ,, 20-30", 10), Parsed(UnsatisfiableRange{}));
  EXPECT_EQ(parseRange("bytes=0-3,nonsense", 10), Parsed(WholeBody{}));
}

TEST(ByteRange, BeyondTheEndCannotBeSatisfied) {
  EXPECT_EQ(parseRange("bytes=10-", 10), Parsed(UnsatisfiableRange{}));
  EXPECT_EQ(parseRange("bytes=0-", 0), Parsed(UnsatisfiableRange{}));
  EXPECT_EQ(parseRange("bytes=-0", 10), Parsed(UnsatisfiableRange{}));
  EXPECT_EQ(parseRange("bytes=99999999999999999999999-", 10), Parsed(UnsatisfiableRange{}));
  EXPECT_EQ(parseRange("bytes=4-99999999999999999999999", 10), Parsed(ByteRange{4, 6}));
  EXPECT_EQ(parseRange("bytes=-99999999999999999999999", 10), Parsed(ByteRange{0, 10}));
}

TEST(ByteRange, MalformedAsksForAll) {
  for (const auto* text : {"", "bytes", "bytes=", "bytes=a-b", "bytes=5-2", "items=0-1", "bytes=-",
                           "bytes=,", "bytes=9 9-"}) {
    EXPECT_EQ(parseRange(text, 10), Parsed(WholeBody{})) << text;
  }
}

TEST(ByteRange, IfRangeTakesOnlyTheSameStrongTag) {
  EXPECT_TRUE(ifRangeHolds("", "\"a\""));
  EXPECT_TRUE(ifRangeHolds("\"a\"", "\"a\""));
  EXPECT_FALSE(ifRangeHolds("\"b\"", "\"a\""));
  EXPECT_FALSE(ifRangeHolds("W/\"a\"", "\"a\""));
  EXPECT_FALSE(ifRangeHolds("W/\"a\"", "W/\"a\""));
  EXPECT_FALSE(ifRangeHolds("a", "\"a\""));
  EXPECT_FALSE(ifRangeHolds("*", "\"a\""));
  EXPECT_FALSE(ifRangeHolds("Sat, 29 Oct 1994 19:43:31 GMT", "\"a\""));
}

}  // namespace
}  // namespace webpool::api

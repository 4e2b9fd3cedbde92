#include "gguf/memory_estimate.h"

#include <gtest/gtest.h>

#include <limits>

namespace webpool::gguf {
namespace {

ModelInfo smolLm2() {
  ModelInfo info;
  info.blockCount = 30;
  info.headCountKv = 3;
  info.keyLength = info.valueLength = 64;
  return info;
}

TEST(GgufMemory, ACacheIsTwoHalfRowsAHeadLayerAndToken) {
  EXPECT_EQ(cacheBytes(smolLm2(), 1), 30u * 3 * (64 + 64) * 2);
  EXPECT_EQ(cacheBytes(smolLm2(), 4096), 4096u * 23040);
}

TEST(GgufMemory, WeightsAreThereTwiceWhileTheyAreLoaded) {
  const auto need = estimateMemory(smolLm2(), 98'362'432, 4096);
  EXPECT_EQ(need.peakBytes - need.residentBytes, 98'362'432u);
  EXPECT_GT(need.residentBytes, 98'362'432u + cacheBytes(smolLm2(), 4096));
}

TEST(GgufMemory, AbsurdNumbersStayAtTheTop) {
  auto info = smolLm2();
  info.blockCount = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(cacheBytes(info, 4096), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(estimateMemory(info, 1, 4096).peakBytes, std::numeric_limits<std::uint64_t>::max());
}

}  // namespace
}  // namespace webpool::gguf

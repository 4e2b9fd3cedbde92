#include "pool/dtype_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace webpool::pool {
namespace {

using testing::ElementsAre;

TEST(DtypeChoice, WithoutMeasurementsTheUsualOneIsLoaded) {
  EXPECT_THAT(orderDtypes({{"fp32", {}}, {"q4", {}}, {"q8", {}}}, "q4"),
              ElementsAre("q4", "fp32", "q8"));
}

TEST(DtypeChoice, TheFastestThatWasMeasuredWins) {
  EXPECT_THAT(orderDtypes({{"fp32", 20.0}, {"q4", 40.0}, {"q8", 15.0}}, "q4"),
              ElementsAre("q8", "fp32", "q4"));
}

TEST(DtypeChoice, TheUsualOneStaysWhereAnotherIsHardlyFaster) {
  EXPECT_THAT(orderDtypes({{"fp32", 19.0}, {"q4", 20.0}}, "q4"), ElementsAre("q4", "fp32"));
  EXPECT_THAT(orderDtypes({{"fp32", 17.0}, {"q4", 20.0}}, "q4"), ElementsAre("fp32", "q4"));
}

TEST(DtypeChoice, WhatWasNotMeasuredIsNoGamble) {
  EXPECT_THAT(orderDtypes({{"fp32", {}}, {"q4", 40.0}, {"q8", 15.0}}, "q4"),
              ElementsAre("q8", "q4", "fp32"));
  // The usual one is loaded first where it was not measured itself: only so can it be compared.
  EXPECT_THAT(orderDtypes({{"fp32", 20.0}, {"q4", {}}}, "q4"), ElementsAre("q4", "fp32"));
}

TEST(DtypeChoice, WhereNobodyChoseADefaultItIsWhatTheBackendIsGoodAt) {
  const std::vector<std::string> all{"fp16", "fp32", "q4", "q8"};
  EXPECT_EQ(likelyDtype(all, Backend::Wasm), "q8");
  EXPECT_EQ(likelyDtype({"fp16", "fp32", "q4"}, Backend::Wasm), "fp32");
  EXPECT_EQ(likelyDtype(all, Backend::WebGpu), "fp32");
  EXPECT_EQ(likelyDtype(all, std::nullopt), "fp32");
  EXPECT_EQ(likelyDtype({"fp16", "q8"}, Backend::WebGpu), "fp16");
  EXPECT_EQ(likelyDtype({"bnb4", "q4"}, Backend::Wasm), "bnb4");
  EXPECT_EQ(likelyDtype({}, Backend::Wasm), "");
}

}  // namespace
}  // namespace webpool::pool

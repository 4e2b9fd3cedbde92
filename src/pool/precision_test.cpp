#include "pool/precision.h"

#include <gmock/gmock.h>

namespace webpool::pool {
namespace {

using testing::ElementsAre;

TEST(Precision, BitsHaveTheirDtypes) {
  EXPECT_THAT(dtypesFor(0, false).value(), ElementsAre(""));
  EXPECT_THAT(dtypesFor(16, false).value(), ElementsAre("fp16"));
  EXPECT_EQ(dtypesFor(8, false)->front(), "q8");
  EXPECT_EQ(dtypesFor(4, false)->front(), "q4");
  EXPECT_THAT(dtypesFor(4, true).value(), ElementsAre("q4f16"));
  EXPECT_THAT(dtypesFor(0, true).value(), ElementsAre("q4f16")) << "there is no other mixed one";
  for (const unsigned bits : {32U, 16U, 8U}) {
    EXPECT_EQ(dtypesFor(bits, true).error().category, ErrorCategory::InvalidArgument) << bits;
  }
  EXPECT_EQ(dtypesFor(3, false).error().category, ErrorCategory::InvalidArgument);
}

TEST(LowerPrecisions, AreTheNextLowerFirst) {
  EXPECT_EQ(lowerPrecisions("fp32"), (std::vector<unsigned>{16, 8, 4}));
  EXPECT_EQ(lowerPrecisions("q8"), std::vector<unsigned>{4});
  EXPECT_TRUE(lowerPrecisions("q4").empty());
  EXPECT_TRUE(lowerPrecisions("q4f16").empty());
  EXPECT_TRUE(lowerPrecisions("q4_1").empty());
}

TEST(Precision, AFileWhoseNameTellsNoneRunsInThatOfItsWeights) {
  onnx::ModelInfo graph;
  graph.weightTypes = {{"FLOAT", 8}, {"FLOAT16", 4000}, {"INT64", 9000}};
  EXPECT_EQ(dtypeThatRuns("fp32", graph), "fp32") << "nothing computes in it";
  graph.usesFp16 = true;
  EXPECT_EQ(dtypeThatRuns("fp32", graph), "fp16");
  EXPECT_EQ(dtypeThatRuns("q4f16", graph), "q4f16");
  graph.weightTypes["FLOAT"] = 8000;
  EXPECT_EQ(dtypeThatRuns("fp32", graph), "fp32") << "a Cast within";
  graph.weightTypes.clear();
  EXPECT_EQ(dtypeThatRuns("fp32", graph), "fp32");
  graph.inputs.push_back(onnx::Port{"x", DataType::Fp16, {}, {}});
  EXPECT_EQ(dtypeThatRuns("fp32", graph), "fp16");
}

}  // namespace
}  // namespace webpool::pool

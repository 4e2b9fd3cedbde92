#include "pool/task.h"

#include <gmock/gmock.h>

#include "onnx/check_inputs.h"
#include "pool/signature.h"
#include "pool/texts.h"

namespace webpool::pool {
namespace {

TEST(Task, NamesAreFound) {
  ASSERT_NE(findTask("tensors"), nullptr);
  EXPECT_TRUE(findTask("tensors")->isRaw());
  EXPECT_EQ(findTask("juggling"), nullptr);
  EXPECT_THROW(taskOf("juggling"), std::logic_error);
  EXPECT_THAT(taskNames(), testing::StartsWith("tensors, text-embedding, "));
}

TEST(Task, IsKnownByWhatItTakes) {
  EXPECT_EQ(taskTaking(sampleTexts()).name, "text-embedding");
  EXPECT_EQ(taskTaking(taskOf("voice-activity-detection").sample).name, "voice-activity-detection");
  // The same name in another type, one more, none: a graph's own.
  const std::vector<float> number{1};
  const auto other = Tensor::of<float>("text", DataType::Fp32, {1}, number);
  EXPECT_EQ(taskTaking(std::vector{other}).name, "tensors");
  auto two = sampleTexts();
  two.push_back(other);
  EXPECT_EQ(taskTaking(two).name, "tensors");
  EXPECT_EQ(taskTaking({}).name, "tensors");
}

TEST(Task, SamplesAreWhatARunTakes) {
  for (const auto* name : {"text-embedding", "voice-activity-detection"}) {
    const auto& task = taskOf(name);
    onnx::ModelInfo signature;
    for (const auto& spec : task.inputs) signature.inputs.push_back(toPort(spec));
    EXPECT_TRUE(onnx::checkInputs(signature, task.sample)) << name;
  }
}

TEST(RunParameters, AreUtf8) {
  for (const auto& options :
       {RunOptions{.parameters = "{\"stop\": \"\xff\"}"}, RunOptions{.conversation = "\xff"}}) {
    const auto parameters = runParameters(options, {});
    ASSERT_FALSE(parameters);
    EXPECT_EQ(parameters.error().category, ErrorCategory::InvalidArgument);
  }
}

}  // namespace
}  // namespace webpool::pool

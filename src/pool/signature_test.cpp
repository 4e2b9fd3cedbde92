#include "pool/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace webpool::pool {
namespace {

using testing::HasSubstr;

ModelDescription describedModel() {
  ModelDescription description;
  description.name = "m";
  description.outputs = {{"y", DataType::Fp32, {-1}, {"n"}}, {"state", DataType::Int64, {2}, {""}}};
  return description;
}

Tensor tensor(const std::string& name, DataType type) {
  return {.name = name, .type = type, .shape = {0}, .data = {}};
}

std::string problemOf(const std::vector<Tensor>& outputs) {
  const auto checked = checkOutputs(describedModel(), outputs);
  if (checked) return "";
  EXPECT_EQ(checked.error().category, ErrorCategory::WrongResult);
  return checked.error().message;
}

TEST(CheckOutputs, TakesWhatTheModelStatesInAnyOrder) {
  EXPECT_EQ(problemOf({tensor("state", DataType::Int64), tensor("y", DataType::Fp32)}), "");
}

TEST(CheckOutputs, NamesWhatIsWrong) {
  EXPECT_THAT(problemOf({tensor("y", DataType::Fp32)}), HasSubstr("has 1 outputs"));
  EXPECT_THAT(problemOf({tensor("y", DataType::Fp32), tensor("y", DataType::Fp32)}),
              HasSubstr("lacks the output 'state'"));
  EXPECT_THAT(problemOf({tensor("y", DataType::Fp16), tensor("state", DataType::Int64)}),
              HasSubstr("'y' as FP16, and the model states FP32"));
}

}  // namespace
}  // namespace webpool::pool

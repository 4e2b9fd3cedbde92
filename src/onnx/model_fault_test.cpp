#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <protozero/pbf_writer.hpp>

#include "onnx/model.h"
#include "onnx/testing/model_builder.h"

namespace webpool::onnx {
namespace {

using ::testing::HasSubstr;
using testing::ModelBuilder;

Error refused(const std::string& bytes) {
  auto model = readModel(Bytes::copyOf(bytes));
  EXPECT_FALSE(model);
  return model ? Error{} : model.error();
}

ModelBuilder valid() {
  ModelBuilder builder;
  builder.input("x", DataType::Fp32, {1}).output("y", DataType::Fp32, {1});
  builder.node("Identity", {"x"}, {"y"});
  return builder;
}

TEST(ModelFault, EveryTruncationIsFound) {
  const auto whole = testing::matMulModel(DataType::Fp32, 3, 5);
  ASSERT_TRUE(readModel(Bytes::copyOf(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto error = refused(whole.substr(0, size));
    EXPECT_EQ(error.category, ErrorCategory::InvalidModel) << size;
    EXPECT_FALSE(error.hint.empty()) << size;
  }
  EXPECT_THAT(refused(whole.substr(0, whole.size() / 2)).message, HasSubstr("cut off"));
}

TEST(ModelFault, NoGraphNoOutputsNoVersion) {
  EXPECT_THAT(refused(ModelBuilder().input("x", DataType::Fp32, {1}).build()).message,
              HasSubstr("no outputs"));
  EXPECT_THAT(refused(std::string("\x08\x08\x42\x02\x10\x11", 6)).message, HasSubstr("no graph"));
  const auto whole = valid().build();
  EXPECT_THAT(refused(whole.substr(2)).message, HasSubstr("no ONNX version"));
}

TEST(ModelFault, TwoGraphs) {
  const auto whole = valid().build();
  const auto other = whole.substr(2);  // without the version, which comes first
  EXPECT_THAT(refused(whole + other).message, HasSubstr("two graphs"));
}

TEST(ModelFault, DeepNestingIsRefusedNotFollowed) {
  EXPECT_TRUE(readModel(Bytes::copyOf(testing::nestedModel(32))));
  EXPECT_THAT(refused(testing::nestedModel(33)).message, HasSubstr("nested more than 32"));
  EXPECT_THAT(refused(testing::nestedModel(20'00)).message, HasSubstr("nested more than 32"));
}

TEST(ModelFault, SequencesMapsAndOptionalsAreUnsupported) {
  for (const auto& [type, what] :
       {std::pair("\x22\x02\x0a\x00", "a sequence"), std::pair("\x2a\x02\x08\x07", "a map"),
        std::pair("\x4a\x02\x0a\x00", "an optional value"),
        std::pair("\x42\x02\x08\x01", "a sparse tensor")}) {
    const auto error = refused(valid().rawInput("s", std::string_view(type, 4)).build());
    EXPECT_EQ(error.category, ErrorCategory::Unsupported);
    EXPECT_THAT(error.message, HasSubstr(what));
  }
}

TEST(ModelFault, TypesThatTensorsLack) {
  const auto complex = refused(valid().rawInput("c", {"\x0a\x02\x08\x0e", 4}).build());
  EXPECT_EQ(complex.category, ErrorCategory::Unsupported);
  EXPECT_THAT(complex.message, HasSubstr("COMPLEX64"));
  const auto unknown = refused(valid().rawInput("c", {"\x0a\x02\x08\x63", 4}).build());
  EXPECT_EQ(unknown.category, ErrorCategory::InvalidModel);
  const auto none = refused(valid().rawInput("c", "").build());
  EXPECT_THAT(none.message, HasSubstr("'c' has no type"));
}

TEST(ModelFault, NamesMustBeTextAndUnique) {
  EXPECT_THAT(refused(valid().input("x", DataType::Fp32, {1}).build()).message,
              HasSubstr("named 'x'"));
  EXPECT_THAT(refused(valid().input("", DataType::Fp32, {1}).build()).message,
              HasSubstr("has no name"));
  EXPECT_THAT(refused(valid().input("\xff", DataType::Fp32, {1}).build()).message,
              HasSubstr("no UTF-8"));
  EXPECT_THAT(refused(valid().input("z", DataType::Fp32, {"\xff"}).build()).message,
              HasSubstr("no UTF-8"));
  EXPECT_THAT(refused(valid().node("", {}, {}).build()).message, HasSubstr("no operator"));
}

TEST(ModelFault, WeightsMustFillTheirShape) {
  const std::array<float, 3> three{};
  auto tensor = Tensor::of<float>("w", DataType::Fp32, {4}, three);
  EXPECT_THAT(refused(valid().initializer(tensor).build()).message,
              HasSubstr("'w' is FLOAT [4] and needs 16 bytes, it has 12"));
  tensor.shape = {-1};
  EXPECT_THAT(refused(valid().initializer(tensor).build()).message, HasSubstr("impossible shape"));
  tensor.shape = {std::int64_t{1} << 40, std::int64_t{1} << 40};
  EXPECT_THAT(refused(valid().initializer(tensor).build()).message, HasSubstr("impossible shape"));
  tensor.shape = Shape(40, 1);
  EXPECT_THAT(refused(valid().initializer(tensor).build()).message, HasSubstr("32 dimensions"));
}

TEST(ModelFault, WeightsInTypedFieldsAreCounted) {
  const auto withFloats = [](int count) {
    const std::vector<float> values(static_cast<std::size_t>(count));
    std::string tensor, attribute, node;
    protozero::pbf_writer writer(tensor);
    writer.add_int64(1, 3);
    writer.add_int32(2, 1);
    writer.add_packed_float(4, values.begin(), values.end());
    protozero::pbf_writer(attribute).add_message(5, tensor);
    protozero::pbf_writer nodeWriter(node);
    nodeWriter.add_string(4, "Constant");
    nodeWriter.add_message(5, attribute);
    return valid().rawNode(node).build();
  };
  EXPECT_EQ(readModel(Bytes::copyOf(withFloats(3)))->weightBytes, 12u);
  EXPECT_THAT(refused(withFloats(2)).message, HasSubstr("needs 3 values, it has 2"));
  EXPECT_THAT(refused(withFloats(0)).message, HasSubstr("needs 3 values, it has 0"));
}

TEST(ModelFault, ExternalFilesMustStayInTheFolder) {
  for (const auto* path : {"/etc/passwd", "../x", "a/../../x", "", "a//b", "c:\\x", "a\nb", "..",
                           "*/_ORT_MEM_ADDR_/*", "\xff"}) {
    const auto model = valid().externalInitializer("w", DataType::Fp32, {1}, path).build();
    EXPECT_THAT(refused(model).message, HasSubstr("outside the model's folder")) << path;
  }
  const auto far = valid().externalInitializer("w", DataType::Fp32, {1}, "d", ~std::uint64_t{0});
  EXPECT_THAT(refused(far.build()).message, HasSubstr("impossible offset"));
}

}  // namespace
}  // namespace webpool::onnx

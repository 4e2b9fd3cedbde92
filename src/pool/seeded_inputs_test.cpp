#include "pool/seeded_inputs.h"

#include <gmock/gmock.h>

#include <cmath>

#include "onnx/check_inputs.h"
#include "onnx/half.h"

namespace webpool::pool {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

onnx::Port port(std::string name, DataType type, std::vector<std::string> dims) {
  onnx::Port result{std::move(name), type, {}, {}, true};
  for (auto& dim : dims) {
    const bool fixed = !dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos;
    result.shape.push_back(fixed ? std::stoll(dim) : -1);
    result.symbols.push_back(fixed ? "" : dim);
  }
  return result;
}

std::vector<Tensor> seeded(const std::vector<onnx::Port>& ports,
                           SeededSize size = SeededSize::Small, std::uint64_t seed = 1) {
  auto tensors = seededInputs(ports, seed, size);
  EXPECT_TRUE(tensors) << tensors.error().describe();
  if (!tensors) return {};
  onnx::ModelInfo model;
  model.inputs = ports;
  const auto fits = onnx::checkInputs(model, *tensors);
  EXPECT_TRUE(fits) << fits.error().describe();
  return std::move(*tensors);
}

Tensor seeded(const onnx::Port& one, SeededSize size = SeededSize::Small) {
  return seeded(std::vector{one}, size).at(0);
}

TEST(SeededInputs, AreTheSameNumbersOnEveryMachine) {
  const auto tensor = seeded(port("x", DataType::Fp32, {"4"}));
  // From the generator that the C++ standard defines: its first number for the seed 1 is
  // 2469588189546311528 = 0x2245_bd5f_bb68_6f68.
  const float first = (0x2245 + 0xbd5f + 0xbb68 + 0x6f68) / 65536.F - 2.F;
  EXPECT_EQ(tensor.as<float>()[0], first);
}

TEST(SeededInputs, ASeedGivesTheSameAgainAndAnotherSeedOthers) {
  const std::vector ports{port("x", DataType::Fp32, {"batch", "16"})};
  const auto bytes = [&](std::uint64_t seed) {
    return std::string(seeded(ports, SeededSize::Small, seed)[0].data.text());
  };
  EXPECT_EQ(bytes(1), bytes(1));
  EXPECT_NE(bytes(1), bytes(2));
}

TEST(SeededInputs, ATextModelGetsTokensThatAnyVocabularyHas) {
  const auto tensors = seeded({port("input_ids", DataType::Int64, {"batch_size", "seq"}),
                               port("attention_mask", DataType::Int64, {"batch_size", "seq"}),
                               port("token_type_ids", DataType::Int64, {"batch_size", "seq"}),
                               port("position_ids", DataType::Int64, {"batch_size", "seq"})});
  for (const auto& tensor : tensors) EXPECT_EQ(tensor.shape, (Shape{1, 8}));
  EXPECT_THAT(tensors[0].as<std::int64_t>(), Each(AnyOf(0, 1)));
  EXPECT_THAT(tensors[0].as<std::int64_t>(), testing::Contains(0));
  EXPECT_THAT(tensors[0].as<std::int64_t>(), testing::Contains(1));
  EXPECT_THAT(tensors[1].as<std::int64_t>(), Each(1));
  EXPECT_THAT(tensors[2].as<std::int64_t>(), Each(0));
  EXPECT_THAT(tensors[3].as<std::int64_t>(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(SeededInputs, TheLargerOnesReachPastTheShortKernels) {
  const auto ids = port("input_ids", DataType::Int64, {"batch", "sequence_length"});
  EXPECT_EQ(seeded(ids, SeededSize::Larger).shape, (Shape{1, 40}));
  const auto picture = port("pixels", DataType::Fp32, {"batch", "3", "height", "width"});
  EXPECT_EQ(seeded(picture).shape, (Shape{1, 3, 64, 64}));
  EXPECT_EQ(seeded(picture, SeededSize::Larger).shape, (Shape{1, 3, 96, 96}));
  EXPECT_FALSE(hasFixedShapes(std::vector{picture}));
  EXPECT_TRUE(hasFixedShapes(std::vector{port("x", DataType::Fp32, {"1", "3"})}));
}

TEST(SeededInputs, ADecodersCachesFitItsMask) {
  const auto tensors = seeded(
      {port("input_ids", DataType::Int64, {"batch", "sequence_length"}),
       port("attention_mask", DataType::Int64, {"batch", "past_sequence_length + sequence_length"}),
       port("past_key_values.0.key", DataType::Fp16, {"batch", "3", "past_sequence_length", "64"}),
       port("use_cache_branch", DataType::Bool, {"1"})});
  EXPECT_EQ(tensors[0].shape, (Shape{1, 8}));
  EXPECT_EQ(tensors[1].shape, (Shape{1, 12}));
  EXPECT_EQ(tensors[2].shape, (Shape{1, 3, 4, 64}));
  EXPECT_THAT(tensors[3].as<std::uint8_t>(), Each(AnyOf(0, 1)));
}

TEST(SeededInputs, ANameHasOneSizeInAllInputsWhateverItsPlace) {
  const auto tensors = seeded(
      {port("a", DataType::Fp32, {"1", "3", "dim_7", "5"}), port("b", DataType::Int64, {"dim_7"})});
  EXPECT_EQ(tensors[0].shape[2], tensors[1].shape[0]);
}

TEST(SeededInputs, ANameThatStandsTwiceInOneInputIsACarelessExporters) {
  const auto tensors = seeded({port("input_ids", DataType::Int64, {"batch", "batch"}),
                               port("attention_mask", DataType::Int64, {"batch", "batch"})});
  EXPECT_EQ(tensors[0].shape, (Shape{1, 8}));
  EXPECT_EQ(tensors[1].shape, (Shape{1, 8}));
}

TEST(SeededInputs, DimensionsWithoutANameGoByTheirPlace) {
  EXPECT_EQ(seeded(port("x", DataType::Fp32, {"", "", "", ""})).shape, (Shape{1, 3, 64, 64}));
  EXPECT_EQ(seeded(port("x", DataType::Fp32, {"", "3", "48", ""})).shape, (Shape{1, 3, 48, 64}));
  EXPECT_EQ(seeded(port("x", DataType::Uint8, {"", "", "", "3"})).shape, (Shape{1, 64, 64, 3}));
  EXPECT_EQ(seeded(port("x", DataType::Fp32, {"", ""})).shape, (Shape{1, 512}));
  EXPECT_EQ(seeded(port("x", DataType::Int64, {"", ""})).shape, (Shape{1, 8}));
  EXPECT_EQ(seeded(port("x", DataType::Int64, {""})).shape, (Shape{8}));
}

TEST(SeededInputs, TheStateOfARecurrentModelIsThatOfOneCaller) {
  const auto tensors =
      seeded({port("input", DataType::Fp32, {"", ""}),
              port("state", DataType::Fp32, {"2", "", "128"}), port("sr", DataType::Int64, {})});
  EXPECT_EQ(tensors[0].shape, (Shape{1, 512}));
  EXPECT_EQ(tensors[1].shape, (Shape{2, 1, 128}));
}

TEST(SeededInputs, ValuesThatAModelTakesByTheirName) {
  EXPECT_THAT(seeded(port("sr", DataType::Int64, {})).as<std::int64_t>(), ElementsAre(16000));
  EXPECT_THAT(seeded(port("input_lengths", DataType::Int32, {"2"})).as<std::int32_t>(), Each(1));
  EXPECT_THAT(seeded(port("mask", DataType::Bool, {"6"})).as<std::uint8_t>(), Each(1));
  EXPECT_THAT(seeded(port("attention_mask", DataType::Fp32, {"6"})).as<float>(), Each(1.F));
  const auto picture = seeded(port("image", DataType::Uint8, {"1", "32", "32", "3"}));
  const auto values = picture.as<std::uint8_t>();
  EXPECT_GT(std::ranges::max(values), 200);
  EXPECT_LT(std::ranges::min(values), 55);
}

TEST(SeededInputs, FloatsAreSmallNoiseInEveryWidth) {
  const auto singles = seeded(port("x", DataType::Fp32, {"4096"}));
  const auto doubles = seeded(port("x", DataType::Fp64, {"4096"}));
  const auto halves = seeded(port("x", DataType::Fp16, {"4096"}));
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < 4096; ++i) {
    const double value = singles.as<float>()[i];
    ASSERT_LT(std::abs(value), 2.0);
    ASSERT_EQ(value, doubles.as<double>()[i]);
    ASSERT_NEAR(value, onnx::fromHalf(halves.as<std::uint16_t>()[i]), 0.001);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 4096, 0, 0.05);
  EXPECT_NEAR(squares / 4096, 1.0 / 3, 0.05);
}

TEST(SeededInputs, WhereNoneCanBeMadeTheCauseIsNamed) {
  const auto why = [](const onnx::Port& one) {
    const auto tensors = seededInputs(std::vector{one}, 1, SeededSize::Small);
    return tensors ? std::string("made") : tensors.error().message;
  };
  EXPECT_THAT(why(port("words", DataType::Bytes, {"1"})), HasSubstr("'words' is text"));
  auto shapeless = port("x", DataType::Fp32, {});
  shapeless.rankKnown = false;
  EXPECT_THAT(why(shapeless), HasSubstr("states no shape"));
  EXPECT_THAT(why(port("x", DataType::Fp32, {"4096", "4096"})), HasSubstr("too large"));
  EXPECT_THAT(why(port("x", DataType::Fp32, {"9223372036854775807", "4"})), HasSubstr("too large"));
}

}  // namespace
}  // namespace webpool::pool

#include "onnx/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/file.h"

namespace webpool::onnx {
namespace {

using ::testing::HasSubstr;

std::filesystem::path vectorPath(std::string_view name) {
  return std::filesystem::path(WEBPOOL_SOURCE_DIR) / "tests/vectors/npz" / name;
}

Bytes vectorBytes(std::string_view name) {
  auto contents = base::readFile(vectorPath(name));
  EXPECT_TRUE(contents) << name;
  return Bytes::adopt(contents ? std::move(*contents) : std::string());
}

const boost::json::object& expected() {
  static const auto parsed = boost::json::parse(vectorBytes("expected.json").text());
  return parsed.as_object();
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += kDigits[static_cast<std::size_t>(byte) >> 4];
    text += kDigits[static_cast<std::size_t>(byte) & 15];
  }
  return text;
}

/// The tensors that tools/make-npz-vectors.py expects in webpool's own archives.
std::vector<Tensor> ownTensors() {
  const std::array<std::uint8_t, 2> flags{1, 0};
  const std::array<std::int64_t, 3> ids{1, -2, 9007199254740993};
  const std::array<float, 4> values{0.5F, -1.25F, 3.0F, std::numeric_limits<float>::denorm_min()};
  const std::array<double, 1> scalar{2.5};
  return {Tensor::of<std::uint8_t>("flags", DataType::Bool, {2}, flags),
          Tensor::of<std::int64_t>("ids", DataType::Int64, {1, 3}, ids),
          Tensor::of<float>("values", DataType::Fp32, {2, 2}, values),
          Tensor::of<double>("scalar", DataType::Fp64, {}, scalar),
          Tensor{"empty", DataType::Uint8, {2, 0}, {}}};
}

TEST(Npz, ReadsWhatNumpyWrites) {
  ASSERT_GE(expected().at("good").as_object().size(), 7u);
  for (const auto& file : expected().at("good").as_object()) {
    const auto tensors = readNpz(vectorBytes(file.key()));
    ASSERT_TRUE(tensors) << file.key() << ": " << tensors.error().describe();
    const auto& arrays = file.value().as_array();
    ASSERT_EQ(tensors->size(), arrays.size()) << file.key();
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const auto& want = arrays[i].as_object();
      const auto& got = (*tensors)[i];
      EXPECT_EQ(got.name, want.at("name").as_string());
      EXPECT_EQ(dataTypeName(got.type), std::string_view(want.at("datatype").as_string()));
      EXPECT_EQ(got.shape, boost::json::value_to<Shape>(want.at("shape"))) << got.name;
      EXPECT_EQ(hex(got.data.view()), want.at("hex").as_string()) << file.key() << got.name;
      const auto alignment = std::max<std::size_t>(1, elementSize(got.type));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(got.data.data()) % alignment, 0u);
    }
  }
}

TEST(Npz, RefusesWhatTensorsCannotHold) {
  ASSERT_GE(expected().at("refused").as_object().size(), 6u);
  for (const auto& file : expected().at("refused").as_object()) {
    const auto tensors = readNpz(vectorBytes(file.key()));
    ASSERT_FALSE(tensors) << file.key();
    EXPECT_EQ(tensors.error().category, ErrorCategory::InvalidInput);
    EXPECT_THAT(tensors.error().message, HasSubstr(std::string(file.value().as_string())));
    EXPECT_THAT(tensors.error().message, HasSubstr("'x'"));
    EXPECT_FALSE(tensors.error().hint.empty());
  }
}

TEST(Npz, WritesWhatNumpyReads) {
  // `tools/make-npz-vectors.py --check` lets numpy.load read this very file.
  const auto written = writeNpz(ownTensors());
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, vectorBytes("webpool.npz").text());
}

TEST(Npz, RoundTrips) {
  for (const bool compress : {false, true}) {
    const auto written = writeNpz(ownTensors(), {compress});
    ASSERT_TRUE(written);
    const auto read = readNpz(Bytes::copyOf(*written));
    ASSERT_TRUE(read) << read.error().describe();
    const auto want = ownTensors();
    ASSERT_EQ(read->size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ((*read)[i].name, want[i].name);
      EXPECT_EQ((*read)[i].type, want[i].type);
      EXPECT_EQ((*read)[i].shape, want[i].shape);
      EXPECT_EQ((*read)[i].data.text(), want[i].data.text());
    }
  }
}

TEST(Npz, CompressionCompresses) {
  const std::vector<Tensor> zeros{
      {"x", DataType::Uint8, {100'000}, Bytes::adopt(std::string(100'000, '\0'))}};
  EXPECT_GT(writeNpz(zeros)->size(), 100'000u);
  EXPECT_LT(writeNpz(zeros, {true})->size(), 1'000u);
}

TEST(Npz, ReadsWebpoolsDeflatedVector) {
  const auto read = readNpz(vectorBytes("webpool-deflated.npz"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), ownTensors().size());
}

TEST(Npz, WriterRefusesWhatNumpyLacks) {
  const auto strings = Tensor{"s", DataType::Bytes, {0}, {}};
  const auto bfloat = Tensor{"b", DataType::Bf16, {0}, {}};
  for (const auto& tensor : {strings, bfloat}) {
    const auto written = writeNpz(std::span(&tensor, 1));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().category, ErrorCategory::Unsupported);
    EXPECT_EQ(written.error().hint, "write it as JSON");
  }
}

TEST(Npz, WriterRefusesBadNamesAndLyingTensors) {
  const Tensor good{"x", DataType::Uint8, {0}, {}};
  for (const auto& tensors : {std::vector{Tensor{"", DataType::Uint8, {0}, {}}},
                              {good, good},
                              {Tensor{"\xff", DataType::Uint8, {0}, {}}}}) {
    const auto written = writeNpz(tensors);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().category, ErrorCategory::InvalidArgument);
  }
  const Tensor lying{"x", DataType::Uint8, {5}, {}};
  EXPECT_EQ(writeNpz(std::span(&lying, 1)).error().category, ErrorCategory::InvalidInput);
}

TEST(Npz, LimitsAreKept) {
  const auto archive = Bytes::adopt(*writeNpz(ownTensors()));
  EXPECT_THAT(readNpz(archive, {.maxBytes = 100, .maxArrays = 10}).error().message,
              HasSubstr("at most 100"));
  EXPECT_THAT(readNpz(archive, {.maxBytes = 1 << 20, .maxArrays = 4}).error().message,
              HasSubstr("holds 5 arrays"));
}

}  // namespace
}  // namespace webpool::onnx

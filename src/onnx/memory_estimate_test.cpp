#include "onnx/memory_estimate.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "onnx/testing/model_builder.h"

namespace webpool::onnx {
namespace {

struct Sized {
  ModelInfo info;
  std::uint64_t graphBytes = 0;
};

Sized read(const std::string& bytes) {
  auto model = readModel(Bytes::copyOf(bytes));
  EXPECT_TRUE(model) << (model ? "" : model.error().describe());
  return {model ? *model : ModelInfo{}, bytes.size()};
}

MemoryEstimate estimate(const Sized& model, Backend backend, std::uint64_t activations = 0) {
  return estimateMemory(model.info, model.graphBytes, structuralCoefficients(backend), activations);
}

constexpr std::uint64_t kWeights = 512 * 1024 * 4;

TEST(MemoryEstimate, WeightsInsideTheGraphOnWasm) {
  const auto model = read(testing::matMulModel(DataType::Fp32, 512, 1024));
  ASSERT_EQ(model.info.weightBytes, kWeights);
  const auto made = estimate(model, Backend::Wasm);
  // The heap holds the file, the parsed message, the tensors and their packed form.
  EXPECT_EQ(made.residentBytes, model.graphBytes + 3 * kWeights);
  EXPECT_EQ(made.peakBytes, made.residentBytes + model.graphBytes);
}

TEST(MemoryEstimate, ExternalWeightsAreNeitherInTheGraphNorParsed) {
  const auto model =
      read(testing::ModelBuilder()
               .output("y", DataType::Fp32, {1})
               .externalInitializer("w", DataType::Fp32, {512, 1024}, "model.onnx_data")
               .build());
  ASSERT_EQ(model.info.externalWeightBytes, kWeights);
  const auto made = estimate(model, Backend::Wasm);
  EXPECT_EQ(made.residentBytes, model.graphBytes + 2 * kWeights);
  EXPECT_EQ(made.peakBytes, made.residentBytes + model.graphBytes + kWeights);
}

TEST(MemoryEstimate, OnADeviceTheWeightsAreThereAndOnTheirWay) {
  const auto model = read(testing::matMulModel(DataType::Fp32, 512, 1024));
  for (const auto backend : {Backend::WebGpu, Backend::WebNn}) {
    const auto made = estimate(model, backend);
    const auto heap = model.graphBytes + 2 * kWeights;
    EXPECT_EQ(made.residentBytes, heap + kWeights);
    EXPECT_EQ(made.peakBytes, heap + 2 * kWeights + model.graphBytes);
  }
}

TEST(MemoryEstimate, ActivationsUseWhatLoadingLeftInTheHeap) {
  const auto model = read(testing::matMulModel(DataType::Fp32, 512, 1024));
  const auto without = estimate(model, Backend::Wasm);
  EXPECT_EQ(estimate(model, Backend::Wasm, kWeights).residentBytes, without.residentBytes);
  constexpr auto kLarge = 100 * kWeights;
  const auto large = estimate(model, Backend::Wasm, kLarge);
  EXPECT_EQ(large.residentBytes, kWeights + kLarge);
  EXPECT_EQ(large.peakBytes, large.residentBytes);
  // On a device they are on the device.
  EXPECT_EQ(estimate(model, Backend::WebGpu, kLarge).residentBytes,
            estimate(model, Backend::WebGpu).residentBytes + kLarge);
}

TEST(MemoryEstimate, AHeapThatGaveMemoryBackWouldHoldLess) {
  const auto model = read(testing::matMulModel(DataType::Fp32, 512, 1024));
  auto coefficients = structuralCoefficients(Backend::Wasm);
  coefficients.heapKeepsPeak = false;
  EXPECT_EQ(estimateMemory(model.info, model.graphBytes, coefficients).residentBytes, kWeights);
}

TEST(MemoryEstimate, TheFixedPartIsWhatWasMeasured) {
  const auto model = read(testing::identityModel(DataType::Fp32, {1}));
  auto coefficients = structuralCoefficients(Backend::Wasm);
  EXPECT_EQ(coefficients.fixedBytes, 0u);
  const auto before = estimateMemory(model.info, model.graphBytes, coefficients);
  coefficients.fixedBytes = 1000;
  const auto after = estimateMemory(model.info, model.graphBytes, coefficients);
  EXPECT_EQ(after.residentBytes, before.residentBytes + 1000);
  EXPECT_EQ(after.peakBytes, before.peakBytes + 1000);
}

TEST(MemoryEstimate, NeverLessForMoreAndThePeakIsThePeak) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) {
    const auto backend = i % 2 == 0 ? Backend::Wasm : Backend::WebGpu;
    const auto coefficients = structuralCoefficients(backend);
    ModelInfo model;
    model.weightBytes = random() % (1ull << 34);
    model.externalWeightBytes = random() % (model.weightBytes + 1);
    if (model.externalWeightBytes > 0) {
      model.externalFiles = {{"model.onnx_data", model.externalWeightBytes}};
    }
    const auto graph = model.weightBytes - model.externalWeightBytes + random() % 100'000;
    const auto activations = random() % (1ull << 32);
    const auto made = estimateMemory(model, graph, coefficients, activations);
    ASSERT_GE(made.peakBytes, made.residentBytes);
    ASSERT_GE(made.residentBytes, model.weightBytes + activations);
    auto larger = model;
    larger.weightBytes += 1 << 20;
    const auto more = estimateMemory(larger, graph + (1 << 20), coefficients, activations + 1000);
    ASSERT_GT(more.peakBytes, made.peakBytes);
    ASSERT_GT(more.residentBytes, made.residentBytes);
  }
}

TEST(MemoryEstimate, ABogusSizeStaysABound) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  ModelInfo model;
  model.weightBytes = kMost;
  const auto made = estimateMemory(model, kMost, structuralCoefficients(Backend::WebGpu), kMost);
  EXPECT_EQ(made.peakBytes, kMost);
  EXPECT_EQ(made.residentBytes, kMost);
}

TEST(MemoryEstimate, AWorkerTakesMemoryWhateverTheModel) {
  EXPECT_GT(estimateMemory({}, 0, measuredCoefficients(Backend::Wasm)).residentBytes, 0U);
  EXPECT_EQ(estimateMemory({}, 0, structuralCoefficients(Backend::Wasm)).residentBytes, 0U);
}

}  // namespace
}  // namespace webpool::onnx

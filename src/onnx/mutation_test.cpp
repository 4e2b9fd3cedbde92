// Seeded mutations of good files: whatever comes, the readers answer with a value or a typed error.
// Run under the sanitizers, a wild read or an overflow ends the test.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <random>

#include "onnx/check_inputs.h"
#include "onnx/json_tensors.h"
#include "onnx/model.h"
#include "onnx/npy.h"
#include "onnx/npz.h"
#include "onnx/testing/model_builder.h"

namespace webpool::onnx {
namespace {

constexpr int kMutations = 4000;

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::string mutate(std::string bytes) {
    const auto changes = 1 + below(4);
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) change(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  void change(std::string& bytes) {
    const auto at = below(bytes.size());
    constexpr std::array<char, 8> kNasty{'\0', '\x01', '\x7f', '\x80', '\xff', '\xfe', ']', '9'};
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(random_());
        break;
      case 1:
        bytes[at] = kNasty[below(kNasty.size())];
        break;
      case 2:
        bytes[at] ^= static_cast<char>(1 << below(8));
        break;
      case 3:
        bytes.erase(at, 1 + below(8));
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size()), 1 + below(16)));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }

  std::mt19937 random_;
};

/// Counts how many mutants were refused; each refusal must say why, with a category of the file's.
int refusals(const std::string& seedFile, std::uint32_t seed,
             const std::function<Result<void>(const Bytes&)>& read) {
  Mutator mutator(seed);
  int refused = 0;
  for (int i = 0; i < kMutations; ++i) {
    const auto result = read(Bytes::adopt(mutator.mutate(seedFile)));
    if (result) continue;
    ++refused;
    EXPECT_FALSE(result.error().message.empty());
    const auto category = result.error().category;
    EXPECT_TRUE(category == ErrorCategory::InvalidModel ||
                category == ErrorCategory::InvalidInput || category == ErrorCategory::Unsupported)
        << categoryName(category);
  }
  return refused;
}

Result<void> readAsModel(const Bytes& bytes) {
  const auto model = readModel(bytes);
  if (!model) return std::unexpected(model.error());
  // What was accepted must be fit for use.
  for (const auto& port : model->inputs) {
    EXPECT_EQ(port.shape.size(), port.symbols.size());
    EXPECT_FALSE(portText(port).empty());
  }
  EXPECT_FALSE(model->outputs.empty());
  (void)checkInputs(*model, {});
  return {};
}

Result<void> readAsNpz(const Bytes& bytes) {
  const auto tensors = readNpz(bytes);
  if (!tensors) return std::unexpected(tensors.error());
  for (const auto& tensor : *tensors) EXPECT_TRUE(tensor.validate());
  return {};
}

TEST(Mutation, Models) {
  const auto weighty = testing::matMulModel(DataType::Fp16, 3, 3);
  const auto nested = testing::nestedModel(4);
  const auto external = testing::ModelBuilder()
                            .input("x", DataType::Int64, {"n", 3})
                            .output("y", DataType::Bytes, {"n"})
                            .externalInitializer("w", DataType::Int8, {5}, "w.bin", 64)
                            .node("Foo", {"x", "w"}, {"y"}, "com.microsoft")
                            .opset("com.microsoft", 1)
                            .build();
  std::uint32_t seed = 1;
  for (const auto& model : {weighty, nested, external}) {
    const auto refused = refusals(model, ++seed, readAsModel);
    EXPECT_GT(refused, kMutations / 2);
    EXPECT_LT(refused, kMutations);  // some mutants are still models: names, sizes
  }
}

TEST(Mutation, Archives) {
  const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
  const std::vector<Tensor> tensors{Tensor::of<float>("a", DataType::Fp32, {2, 3}, values),
                                    Tensor::of<float>("b", DataType::Fp32, {6}, values)};
  for (const bool compress : {false, true}) {
    const auto archive = *writeNpz(tensors, {compress});
    EXPECT_GT(refusals(archive, compress ? 11 : 12, readAsNpz), kMutations / 2);
  }
}

TEST(Mutation, ArraysBehindARightCrc) {
  // The archive's CRC would hide the array's reader from most mutants.
  const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
  const auto tensor = Tensor::of<float>("a", DataType::Fp32, {2, 3}, values);
  const auto archive = *writeNpz(std::span(&tensor, 1));
  const auto start = archive.find("\x93NUMPY");
  const auto array = archive.substr(start, archive.find("PK\x01\x02") - start);
  const auto readArray = [](const Bytes& bytes) { return readNpy("a", bytes); };
  const auto refused = refusals(array, 13, [&](const Bytes& bytes) -> Result<void> {
    const auto read = readArray(bytes);
    if (!read) return std::unexpected(read.error());
    EXPECT_TRUE(read->validate());
    return {};
  });
  EXPECT_GT(refused, kMutations / 4);
}

TEST(Mutation, Json) {
  ModelInfo model;
  model.inputs = {Port{"x", DataType::Fp32, {-1, -1}, {"", ""}, true}};
  const auto read = [&](const Bytes& bytes) -> Result<void> {
    const auto tensors = readTensors(bytes, &model);
    if (!tensors) return std::unexpected(tensors.error());
    for (const auto& tensor : *tensors) EXPECT_TRUE(tensor.validate());
    return {};
  };
  const std::string request =
      R"({"inputs":[{"name":"x","shape":[2,2],"datatype":"INT64","data":[[1,-2],[3,4]]},)"
      R"({"name":"s","shape":[2],"datatype":"BYTES","data":["a\u00fc","b"]}]})";
  EXPECT_GT(refusals(request, 21, read), kMutations / 2);
  EXPECT_GT(refusals(R"({"x": [[1.5, -2e3], ["NaN", 0]]})", 22, read), kMutations / 4);
}

}  // namespace
}  // namespace webpool::onnx

// The golden gate with models that nobody knows: what is compared with what before they serve, and
// what the answers say of it.
#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// y = x · w with a weight matrix of 4 x 4.
std::string matMul() {
  return onnx::testing::matMulModel(DataType::Fp32, 4, 4);
}

const std::vector<float> kOneToFour{1, 2, 3, 4};

std::vector<Tensor> oneToFour() {
  return {Tensor::of<float>("x", DataType::Fp32, {1, 4}, kOneToFour)};
}

/// matMul()'s answer to oneToFour(), by hand: w[i][j] = ((4 i + j) mod 7 − 3) / 4.
std::vector<float> product() {
  std::vector<float> y(4);
  for (std::size_t j = 0; j < 4; ++j) {
    for (std::size_t i = 0; i < 4; ++i) {
      y[j] += kOneToFour[i] * (static_cast<float>((4 * i + j) % 7) - 3.F) / 4.F;
    }
  }
  return y;
}

std::string golden(const std::vector<float>& y) {
  std::string values;
  for (const auto value : y) values += (values.empty() ? "" : ", ") + std::to_string(value);
  return R"({"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}],
             "outputs": [{"name": "y", "shape": [1, 4], "datatype": "FP32", "data": [)" +
         values + "]}]}";
}

class GoldenGate : public CliTest {
 protected:
  GoldenGate() { environment_["WEBPOOL_DATA_DIR"] = folder() / "data"; }

  void TearDown() override {
    pool_.reset();
    expectNothingLeft();
  }

  ResourcePool& open(std::vector<std::string> browsers = {}) {
    pool_.reset();
    auto pool = ResourcePool::open({.dataFolder = folder() / "data",
                                    .cacheFolder = folder() / "cache",
                                    .browsers = std::move(browsers),
                                    .ephemeral = true});
    if (!pool) throw std::runtime_error(pool.error().describe());
    pool_ = std::move(*pool);
    return *pool_;
  }

  std::unique_ptr<ResourcePool> pool_;
};

/// A run that fails inside ONNX Runtime leaves a WebGPU session that never answers again.
TEST_F(GoldenGate, AModelOnWebGpuComesBackAfterARunThatFailed) {
  onnx::testing::ModelBuilder builder;
  const std::vector<std::int64_t> rowsOfFive{-1, 5};
  builder.input("x", DataType::Fp32, {"n"})
      .initializer(Tensor::of<std::int64_t>("shape", DataType::Int64, {2}, rowsOfFive))
      .node("Reshape", {"x", "shape"}, {"rows"})
      .node("Add", {"rows", "rows"}, {"y"})
      .output("y", DataType::Fp32, {"m", 5});
  const auto path = write("rows.onnx", builder.build());
  const auto model = open().load(path.native(), {.backend = Backend::WebGpu});
  ASSERT_TRUE(model) << model.error().describe();
  const auto call = [&](std::int64_t n) {
    const std::vector<float> ones(static_cast<std::size_t>(n), 1.F);
    return model->run({Tensor::of<float>("x", DataType::Fp32, {n}, ones)},
                      {.timeout = std::chrono::minutes(2)});
  };
  for (int i = 0; i < 3; ++i) {  // the gate compares these
    const auto right = call(10);
    ASSERT_TRUE(right) << right.error().describe();
  }
  const auto wrong = call(6);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().category, ErrorCategory::InvalidInput) << wrong.error().describe();
  const auto next = call(5);
  ASSERT_TRUE(next) << next.error().describe();
  EXPECT_EQ(next->outputs.at(0).as<float>()[0], 2.F);
}

TEST_F(GoldenGate, AnUnknownModelIsComparedOnWebGpuBeforeItsFirstCall) {
  const auto path = write("mine.onnx", matMul());
  const auto model = open().load(path.native(), {.backend = Backend::WebGpu});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.checkedBy, "wasm in the same browser");
  const auto answer = model->run(oneToFour());
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->ranOn.label, "webgpu");
  EXPECT_THAT(answer->outputs.at(0).as<float>(), testing::Pointwise(testing::FloatEq(), product()));
}

TEST_F(GoldenGate, WasmOfASinglePoolSaysThatNothingWasCompared) {
  const auto path = write("mine.onnx", matMul());
  const auto result = run({"run", "--model", path, "--inputs", "-", "--ephemeral", "--json"},
                          R"({"x": [[1, 2, 3, 4]]})");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json().at("ran_on").at("checked_by"), "nothing: the pool has no other engine");
}

TEST_F(GoldenGate, AModelThatCannotRunOnSeededInputsServesAllTheSame) {
  // A Reshape to 5 columns takes none of the widths that are tried.
  const std::vector<std::int64_t> columns{-1, 5};
  const auto path =
      write("five.onnx",
            onnx::testing::ModelBuilder()
                .input("x", DataType::Fp32, {"n", "m"})
                .output("y", DataType::Fp32, {"k", 5})
                .initializer(Tensor::of<std::int64_t>("shape", DataType::Int64, {2}, columns))
                .node("Reshape", {"x", "shape"}, {"y"})
                .build());
  const auto model = open().load(path.native(), {.backend = Backend::WebGpu});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.checkedBy, "nothing: it was not called yet");
  const std::vector<float> values{1, 2, 3, 4, 5};
  const auto answer = model->run({Tensor::of<float>("x", DataType::Fp32, {1, 5}, values)});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->ranOn.checkedBy, "wasm in the same browser");
  EXPECT_THAT(answer->outputs.at(0).as<float>(), testing::ElementsAreArray(values));
}

TEST_F(GoldenGate, AGoldenFileBesideTheModelVouchesForIt) {
  const auto path = write("mine.onnx", matMul());
  write("mine.golden.json", golden(product()));
  const auto model = open().load(path.native(), {.backend = Backend::Wasm});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.checkedBy, "golden file");
  EXPECT_EQ(model->info().bytes, matMul().size());
  EXPECT_TRUE(model->run(oneToFour()));
}

TEST_F(GoldenGate, AModelThatDisagreesWithItsGoldenFileIsRefusedOnWasmTooAndRemembered) {
  auto wrong = product();
  wrong[2] += 1;
  std::filesystem::create_directory(folder() / "model");
  write("model/model.onnx", matMul());
  write("model/golden.json", golden(wrong));
  const auto path = folder() / "model";
  const auto input = write("in.json", R"({"x": [[1, 2, 3, 4]]})");
  const std::vector<std::string> command{"run", "--model",   path,   "--inputs",
                                         input, "--backend", "wasm", "--ephemeral"};
  const auto refused = run(command);
  EXPECT_EQ(refused.code, 6) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("[wrong_result]"));
  EXPECT_THAT(refused.err, HasSubstr("the model's golden file"));
  const auto again = run(command);
  EXPECT_EQ(again.code, 6) << again.out << again.err;
  EXPECT_THAT(again.err, HasSubstr("found on"));
  const auto shown = run({"browsers", "--json"}).json().at("refused").as_array();
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].at("backend"), "wasm");
}

TEST_F(GoldenGate, AGoldenFileThatDoesNotFitTheModelIsAnErrorWithItsCause) {
  const auto path = write("mine.onnx", matMul());
  write("mine.golden.json", R"({"inputs": [{"name": "z", "shape": [1], "datatype": "FP32",
                                "data": [1]}], "outputs": []})");
  const auto refused = run({"run", "--model", path, "--inputs", "-"}, R"({"x": [[1, 2, 3, 4]]})");
  EXPECT_EQ(refused.code, 3) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("[invalid_model]"));
  EXPECT_THAT(refused.err, HasSubstr("mine.golden.json"));
  EXPECT_THAT(refused.err, HasSubstr("no input 'z'"));
}

TEST_F(GoldenGate, TwoEnginesAgreeOnAnUnknownModelOnceForAllRuns) {
  const auto path = write("mine.onnx", matMul());
  {
    auto& pool = open({"chromium", "firefox"});
    const auto model = pool.load(path.native(), {.backend = Backend::Wasm});
    ASSERT_TRUE(model) << model.error().describe();
    EXPECT_EQ(model->info().ranOn.browser, "chromium");
    EXPECT_THAT(model->info().ranOn.checkedBy, StartsWith("wasm of firefox "));
    EXPECT_EQ(pool.connections().size(), 2U);
    EXPECT_TRUE(model->run(oneToFour()));
  }
  {
    auto& pool = open({"chromium", "firefox"});
    const auto model = pool.load(path.native(), {.backend = Backend::Wasm});
    ASSERT_TRUE(model) << model.error().describe();
    EXPECT_THAT(model->info().ranOn.checkedBy, StartsWith("wasm of firefox "));
    EXPECT_EQ(pool.connections().size(), 1U);  // what is known is not asked again
  }
  // What holds for one holds for the other.
  auto& pool = open({"firefox"});
  const auto model = pool.load(path.native(), {.backend = Backend::Wasm});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_THAT(model->info().ranOn.checkedBy, StartsWith("wasm of chromium "));
}

TEST_F(GoldenGate, AModelWhoseAnswersAreDrawnIsNotComparedAndSaysSo) {
  const auto path = write("dice.onnx", onnx::testing::ModelBuilder()
                                           .input("x", DataType::Fp32, {4})
                                           .output("y", DataType::Fp32, {4})
                                           .node("RandomNormalLike", {"x"}, {"y"})
                                           .build());
  auto& pool = open({"chromium", "firefox"});
  const auto model = pool.load(path.native(), {.backend = Backend::Wasm});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.checkedBy, "nothing: the model draws random numbers");
  EXPECT_EQ(pool.connections().size(), 1U);
}

}  // namespace
}  // namespace webpool::functional

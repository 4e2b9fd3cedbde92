// Progressive loading: the graphs of one model, each loaded when it is first run.
#include <gmock/gmock.h>

#include <vector>

#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class Components : public CliTest {
 protected:
  /// A model of an encoder, which returns its input, and a decoder, which adds two.
  std::filesystem::path makeModel() const {
    std::filesystem::create_directories(folder() / "pair/onnx");
    write("pair/onnx/encoder_model.onnx", onnx::testing::identityModel(DataType::Fp32, {"n"}));
    write("pair/onnx/decoder_model_merged.onnx", onnx::testing::addModel(DataType::Fp32, {"n"}));
    return folder() / "pair";
  }

  static Tensor vectorOf(const std::string& name, const std::vector<float>& values) {
    return {.name = name,
            .type = DataType::Fp32,
            .shape = {static_cast<std::int64_t>(values.size())},
            .data = Bytes::copyOf(std::as_bytes(std::span(values)))};
  }
  static std::vector<float> valuesOf(const Result<Inference>& answer) {
    if (!answer) return {};
    const auto values = answer->outputs.at(0).as<float>();
    return {values.begin(), values.end()};
  }
};

TEST_F(Components, EachIsLoadedWhenItIsFirstRun) {
  const auto path = makeModel();
  auto pool = ResourcePool::open(
      {.dataFolder = folder() / "data", .cacheFolder = folder() / "cache", .ephemeral = true});
  ASSERT_TRUE(pool) << pool.error().describe();

  const auto unclear = (*pool)->load(path.native());
  ASSERT_FALSE(unclear);
  EXPECT_EQ(unclear.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(unclear.error().hint, HasSubstr("decoder_model_merged, encoder_model"));

  const auto encoder =
      (*pool)->load(path.native(), {.backend = Backend::Wasm, .component = "encoder_model"});
  ASSERT_TRUE(encoder) << encoder.error().describe();
  EXPECT_THAT(encoder->info().components, ElementsAre("decoder_model_merged", "encoder_model"));
  EXPECT_EQ(valuesOf(encoder->run({vectorOf("x", {1, 2, 3})})), (std::vector<float>{1, 2, 3}));

  const auto decoder = encoder->component("decoder_model_merged");
  ASSERT_TRUE(decoder) << decoder.error().describe();
  EXPECT_EQ(decoder->info().inputs.size(), 2U) << "it is described before it is loaded";
  EXPECT_THAT((*pool)->connections().at(0).models, ElementsAre(EndsWith("/encoder_model")));

  const auto sum = decoder->run({vectorOf("a", {1, 2}), vectorOf("b", {10, 20})});
  ASSERT_TRUE(sum) << sum.error().describe();
  EXPECT_EQ(valuesOf(sum), (std::vector<float>{11, 22}));
  EXPECT_EQ(sum->ranOn.backend, Backend::Wasm);
  EXPECT_THAT((*pool)->connections().at(0).models,
              UnorderedElementsAre(EndsWith("/encoder_model"), EndsWith("/decoder_model_merged")));

  const auto none = encoder->component("vision_encoder");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::NotFound);
}

TEST_F(Components, CommandLineRunsTheOneThatIsNamed) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto path = makeModel();
  const auto input = write("in.json", R"({"inputs": [{"name": "x", "datatype": "FP32",
      "shape": [2], "data": [3, 4]}]})");
  const auto done =
      run({"run", "--ephemeral", "--json", "--backend", "wasm", "--model", path.native(),
           "--component", "encoder_model", "--inputs", input.native()});
  EXPECT_EQ(done.code, 0) << done.err;
  const auto unclear =
      run({"run", "--ephemeral", "--model", path.native(), "--inputs", input.native()});
  EXPECT_NE(unclear.code, 0);
  EXPECT_THAT(unclear.err, HasSubstr("--component"));
}

}  // namespace
}  // namespace webpool::functional

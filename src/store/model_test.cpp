// Model layout and repository.
#include <gmock/gmock.h>

#include <fmt/format.h>

#include "store/model_repository.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

using testing::ElementsAre;

TEST(ModelLayout, DtypesByName) {
  const auto dtype = [](std::string_view path) { return dtypeOfPath(path).value_or("-"); };
  EXPECT_EQ(dtype("onnx/model.onnx"), "fp32");
  EXPECT_EQ(dtype("onnx/model_fp16.onnx"), "fp16");
  EXPECT_EQ(dtype("onnx/model_quantized.onnx"), "q8");
  EXPECT_EQ(dtype("onnx/model_int8.onnx"), "int8");
  EXPECT_EQ(dtype("onnx/model_uint8.onnx"), "uint8");
  EXPECT_EQ(dtype("onnx/model_q4.onnx"), "q4");
  EXPECT_EQ(dtype("onnx/model_q4.onnx_data"), "q4");
  EXPECT_EQ(dtype("onnx/model_q4f16.onnx_data_1"), "q4f16");
  EXPECT_EQ(dtype("onnx/model_bnb4.onnx"), "bnb4");
  EXPECT_EQ(dtype("onnx/model.onnx_data"), "fp32");
  EXPECT_EQ(dtype("model.onnx.data"), "fp32");
  EXPECT_EQ(dtype("decoder_model_merged_quantized.onnx"), "q8");
  EXPECT_EQ(dtype("silero_vad_v5.onnx"), "fp32");
  EXPECT_EQ(dtype("q4.onnx"), "fp32");  // a name, not a suffix
  for (const auto* path : {"config.json", "onnx/readme.md", "model.onnx.sha256", ".onnx", ""}) {
    EXPECT_EQ(dtype(path), "-") << path;
  }
}

TEST(ModelLayout, ComponentsByName) {
  EXPECT_EQ(componentOfPath("onnx/model.onnx"), "model");
  EXPECT_EQ(componentOfPath("onnx/encoder_model_quantized.onnx"), "encoder_model");
  EXPECT_EQ(componentOfPath("onnx/decoder_model_merged_q4.onnx_data_1"), "decoder_model_merged");
  EXPECT_EQ(componentOfPath("silero_vad.onnx"), "silero_vad");
  EXPECT_EQ(componentOfPath("q4.onnx"), "q4");
  EXPECT_EQ(componentOfPath("config.json"), "");
}

std::vector<std::string> pathsOf(const std::vector<ModelFile>& files) {
  std::vector<std::string> paths;
  for (const auto& file : files) paths.push_back(file.path);
  return paths;
}

class ModelTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    repository_ = std::make_unique<ModelRepository>(*store_);
    for (const auto* name : {"config.json", "tokenizer.json", "onnx/model.onnx",
                             "onnx/model_q4.onnx", "onnx/model_q4.onnx_data"}) {
      file(fmt::format("m/{}", name), fmt::format("contents of {}", name));
    }
  }
  std::unique_ptr<ModelRepository> repository_;
};

TEST_F(ModelTest, AFolderGivesItsDtypes) {
  const auto model = repository_->addPath("org/tiny", folder_ / "m");
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_THAT(model->dtypes(), ElementsAre("fp32", "q4"));
  EXPECT_EQ(model->roots.size(), 1u);
  const auto q4 = repository_->select("org/tiny", "q4").value();
  EXPECT_THAT(pathsOf(q4.files), ElementsAre("config.json", "onnx/model_q4.onnx",
                                             "onnx/model_q4.onnx_data", "tokenizer.json"));
  EXPECT_EQ(q4.root, model->roots[0].root);
  std::uint64_t bytes = 0;
  for (const auto& each : q4.files) {
    bytes += each.size;
    EXPECT_EQ(store_->resolveCid(q4.root, each.path).value(), each.cid);
  }
  EXPECT_EQ(q4.bytes, bytes);
  const auto chosen = repository_->select("org/tiny").value();
  EXPECT_EQ(chosen.dtype, "fp32");
  EXPECT_THAT(pathsOf(chosen.files),
              ElementsAre("config.json", "onnx/model.onnx", "tokenizer.json"));
  const auto none = repository_->select("org/tiny", "fp16");
  EXPECT_EQ(none.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(none.error().hint, testing::HasSubstr("fp32, q4"));
}

TEST_F(ModelTest, ABareOnnxFileBringsItsExternalData) {
  file("bare/x_q4.onnx", "graph");
  file("bare/x_q4.onnx_data", "weights");
  file("bare/unrelated.txt", "no");
  const auto model = repository_->addPath("bare", folder_ / "bare/x_q4.onnx");
  ASSERT_TRUE(model) << model.error().describe();
  const auto selection = repository_->select("bare").value();
  EXPECT_EQ(selection.dtype, "q4");
  EXPECT_THAT(pathsOf(selection.files), ElementsAre("x_q4.onnx", "x_q4.onnx_data"));
}

TEST_F(ModelTest, ExternalDataOfAnyNameComesAlong) {
  file("bare/x.onnx", "graph");
  file("bare/parts/w.bin", "weights");
  ASSERT_TRUE(repository_->addPath("bare", folder_ / "bare/x.onnx", {}, {"parts/w.bin"}));
  EXPECT_THAT(pathsOf(repository_->select("bare").value().files),
              ElementsAre("parts/w.bin", "x.onnx"));
}

TEST_F(ModelTest, AFolderWithoutAModelIsRefusedBeforeItIsRead) {
  file("big/a/readme.txt", "no model");
  std::filesystem::create_symlink("nowhere", folder_ / "big/dangling");
  const auto refused = repository_->addPath("big", folder_ / "big");
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidModel) << refused.error().describe();
}

TEST_F(ModelTest, ARootThatIsOneFileIsAModel) {
  const auto root = store_->importPath(file("silero.onnx", "graph")).value().root;
  ASSERT_TRUE(repository_->add("silero", root));
  const auto selection = repository_->select("silero").value();
  EXPECT_EQ(selection.dtype, "fp32");
  EXPECT_THAT(pathsOf(selection.files), ElementsAre("model.onnx"));
  EXPECT_EQ(selection.files[0].cid, root);
}

TEST_F(ModelTest, RefusesWhatIsNoModel) {
  file("text/readme.md", "x");
  EXPECT_EQ(repository_->addPath("a", folder_ / "text").error().category,
            ErrorCategory::InvalidModel);
  EXPECT_EQ(repository_->addPath("a", folder_ / "text/readme.md").error().category,
            ErrorCategory::InvalidModel);
  EXPECT_EQ(repository_->addPath("a", folder_ / "none.onnx").error().category,
            ErrorCategory::NotFound);
  for (const auto* name : {"", "a b", "../a", "/a", "a/", "a//b", ".a", "ä", "a/../b"}) {
    EXPECT_EQ(repository_->addPath(name, folder_ / "m").error().category,
              ErrorCategory::InvalidArgument)
        << name;
  }
  EXPECT_TRUE(storedFiles().empty());
  EXPECT_EQ(repository_->show("a").error().category, ErrorCategory::NotFound);
}

TEST_F(ModelTest, AddingAgainReplacesAndRemovingFreesTheDisk) {
  ASSERT_TRUE(repository_->addPath("tiny", folder_ / "m"));
  EXPECT_EQ(storedFiles().size(), 5u);
  std::filesystem::remove(folder_ / "m/onnx/model.onnx");
  const auto again = repository_->addPath("tiny", folder_ / "m");
  ASSERT_TRUE(again);
  EXPECT_THAT(again->dtypes(), ElementsAre("q4"));
  EXPECT_EQ(storedFiles().size(), 4u);
  EXPECT_EQ(store_->remove(again->roots[0].root).error().category, ErrorCategory::InvalidArgument);
  ASSERT_TRUE(repository_->remove("tiny"));
  EXPECT_TRUE(storedFiles().empty());
  EXPECT_TRUE(repository_->list()->empty());
  EXPECT_EQ(repository_->remove("tiny").error().category, ErrorCategory::NotFound);
}

TEST_F(ModelTest, RootsOfSingleDtypesLiveSideBySideAndShareFiles) {
  const auto fp32 = store_->importPath(folder_ / "m").value().root;
  file("n/config.json", "contents of config.json");
  file("n/onnx/model_q4.onnx", "contents of onnx/model_q4.onnx");
  const auto q4 = store_->importPath(folder_ / "n").value().root;
  ASSERT_TRUE(repository_->add("tiny", fp32, "fp32"));
  const auto model = repository_->add("tiny", q4, "q4");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->roots.size(), 2u);
  EXPECT_EQ(repository_->select("tiny", "q4")->root, q4);
  EXPECT_EQ(repository_->select("tiny", "fp32")->root, fp32);
  EXPECT_EQ(repository_->list()->size(), 1u);
  EXPECT_EQ(storedFiles().size(), 5u);
  ASSERT_TRUE(repository_->remove("tiny", "fp32"));
  EXPECT_EQ(repository_->select("tiny", "fp32").error().category, ErrorCategory::NotFound);
  EXPECT_EQ(repository_->select("tiny")->root, q4);
}

}  // namespace
}  // namespace webpool::store

#include "pool/model_source.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "onnx/testing/model_builder.h"

namespace webpool::pool {
namespace {

namespace fs = std::filesystem;

/// In a working directory of its own.
class ModelSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "webpool-model-source-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    before_ = fs::current_path();
    fs::current_path(folder_);
    auto opened = ModelSource::open(folder_ / "data");
    ASSERT_TRUE(opened) << opened.error().describe();
    source_ = std::move(*opened);
  }
  void TearDown() override {
    source_.reset();
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

  /// A folder with one graph of that many columns.
  void writeModel(const std::string& name, std::int64_t columns) const {
    fs::create_directory(folder_ / name);
    const auto graph = onnx::testing::matMulModel(DataType::Fp32, 2, columns);
    ASSERT_TRUE(base::writeFileAtomically(folder_ / name / "model.onnx", graph));
  }

  std::string cidOf(std::string_view model) const {
    const auto resolved = source_->resolve(model, {});
    EXPECT_TRUE(resolved) << resolved.error().describe();
    return resolved ? resolved->description.cid : std::string();
  }

  fs::path folder_;
  fs::path before_;
  std::unique_ptr<ModelSource> source_;
};

TEST_F(ModelSourceTest, AKnownNameIsThatModelWhateverLiesInTheWorkingDirectory) {
  writeModel("elsewhere", 3);
  writeModel("mine", 4);
  const auto kept = source_->add("./elsewhere", "mine", {});
  ASSERT_TRUE(kept) << kept.error().describe();
  EXPECT_EQ(cidOf("mine"), kept->description.cid);
  EXPECT_NE(cidOf("./mine"), kept->description.cid) << "that is a path";
}

TEST_F(ModelSourceTest, ANameThatNothingKnowsMayBeOfTheWorkingDirectory) {
  writeModel("here", 3);
  EXPECT_EQ(cidOf("here"), cidOf("./here"));
}

TEST_F(ModelSourceTest, ANameOfTheCatalogueIsAddedFromTheCatalogue) {
  writeModel("magika", 3);
  const auto added = source_->add("magika", "another", {});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().message, "a catalogue model keeps its name");
  EXPECT_TRUE(source_->add("./magika", "another", {}));
}

}  // namespace
}  // namespace webpool::pool

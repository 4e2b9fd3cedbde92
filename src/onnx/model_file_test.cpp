#include "onnx/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "onnx/testing/model_builder.h"

namespace webpool::onnx {
namespace {

using ::testing::HasSubstr;

class ModelFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/webpool-model-file-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& contents) {
    const auto path = folder_ / "model.onnx";
    std::ofstream(path, std::ios::binary) << contents;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(ModelFileTest, ReadsAModel) {
  const auto model = readModelFile(write(testing::matMulModel(DataType::Fp32, 2, 3)));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->weightBytes, 24u);
}

TEST_F(ModelFileTest, AFolderIsNoModel) {
  const auto model = readModelFile(folder_);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::InvalidModel);
  EXPECT_THAT(model.error().message, HasSubstr("folder"));
  EXPECT_FALSE(model.error().hint.empty());
}

TEST_F(ModelFileTest, ADeviceIsNoModelAndIsNotRead) {
  const auto model = readModelFile("/dev/zero");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::InvalidModel);
}

TEST_F(ModelFileTest, AMissingFileIsNotFound) {
  const auto model = readModelFile(folder_ / "none.onnx");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::NotFound);
}

TEST_F(ModelFileTest, ErrorsNameThePath) {
  const auto path = write("");
  const auto model = readModelFile(path);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::InvalidModel);
  EXPECT_EQ(model.error().message,
            path.native() + ": not an ONNX model: it looks like an empty file");
}

TEST_F(ModelFileTest, AFileAboveTwoGibibytesIsRefusedUnread) {
  const auto path = write("x");
  std::filesystem::resize_file(path, (std::uintmax_t{2} << 30) + 1);  // sparse
  const auto model = readModelFile(path);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::InvalidModel);
  EXPECT_THAT(model.error().hint, HasSubstr("external data"));
}

}  // namespace
}  // namespace webpool::onnx

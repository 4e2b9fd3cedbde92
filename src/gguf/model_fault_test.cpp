// GGUF files that are wrong, each refused with its cause.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "gguf/model.h"
#include "gguf/testing/file_builder.h"

namespace webpool::gguf {
namespace {

using testing::bytesOf;
using testing::FileBuilder;
using ::testing::HasSubstr;
using testing::smallModel;

void expectRefused(const std::string& file, ErrorCategory category, const std::string& what) {
  const auto info = readModel(bytesOf(file));
  ASSERT_FALSE(info) << what;
  EXPECT_EQ(info.error().category, category) << info.error().message;
  EXPECT_THAT(info.error().message, HasSubstr(what));
  EXPECT_FALSE(info.error().hint.empty());
}

FileBuilder llama() {
  FileBuilder builder;
  builder.text("general.architecture", "llama");
  return builder;
}

TEST(GgufFault, AnotherMagic) {
  auto file = smallModel().file(768);
  file[0] = 'g';
  expectRefused(file, ErrorCategory::InvalidModel, "does not begin with GGUF");
  expectRefused("", ErrorCategory::InvalidModel, "does not begin with GGUF");
  expectRefused("GG", ErrorCategory::InvalidModel, "does not begin with GGUF");
}

TEST(GgufFault, VersionsThatAreNotRead) {
  for (const std::uint32_t version : {0u, 1u, 4u}) {
    auto builder = smallModel();
    builder.version = version;
    expectRefused(builder.file(768), ErrorCategory::Unsupported, "version");
  }
  auto builder = smallModel();
  builder.version = 3u << 24;
  expectRefused(builder.file(768), ErrorCategory::Unsupported, "big-endian");
}

TEST(GgufFault, EveryCutIsNoticed) {
  const auto file = smallModel().file(768);
  for (std::size_t length = 0; length < file.size(); ++length) {
    const auto info = readModel(bytesOf(file.substr(0, length)));
    ASSERT_FALSE(info) << length << " bytes were taken for a model";
    EXPECT_EQ(info.error().category, ErrorCategory::InvalidModel);
  }
}

TEST(GgufFault, CountsThatNoFileHolds) {
  for (const auto count : {std::uint64_t{1} << 20, std::numeric_limits<std::uint64_t>::max()}) {
    auto tensors = smallModel();
    tensors.tensorCount = count;
    expectRefused(tensors.file(768), ErrorCategory::InvalidModel,
                  "more than the file has room for");
    auto values = smallModel();
    values.valueCount = count;
    expectRefused(values.file(768), ErrorCategory::InvalidModel, "more than the file has room for");
  }
}

TEST(GgufFault, LengthsThatNoFileHolds) {
  const auto good = smallModel().file(768);
  const auto at = good.find("general.architecture");
  for (const auto length : {std::uint64_t{1} << 32, std::numeric_limits<std::uint64_t>::max()}) {
    auto file = good;
    std::memcpy(file.data() + at - 8, &length, sizeof(length));
    expectRefused(file, ErrorCategory::InvalidModel, "cut off");
    auto tokens = good;
    const auto key = std::string_view("tokenizer.ggml.tokens");
    std::memcpy(tokens.data() + good.find(key) + key.size() + 8, &length, sizeof(length));
    expectRefused(tokens, ErrorCategory::InvalidModel, "cut off");
  }
}

TEST(GgufFault, TensorsThatLieWrong) {
  expectRefused(llama().tensor("a", {32}, 0, 8).file(256), ErrorCategory::InvalidModel,
                "no multiple of 32");
  expectRefused(llama().tensor("a", {32}, 0, 0).tensor("b", {32}, 0, 96).file(256),
                ErrorCategory::InvalidModel, "overlaps");
  expectRefused(llama().tensor("a", {32}, 0, 1 << 20).file(256), ErrorCategory::InvalidModel,
                "cut off");
  expectRefused(llama().tensor("a", {32}, 0, ~std::uint64_t{31}).file(256),
                ErrorCategory::InvalidModel, "beyond any file");
}

TEST(GgufFault, ShapesThatMakeNoSense) {
  constexpr auto kHuge = std::uint64_t{1} << 40;
  expectRefused(llama().tensor("a", {kHuge, kHuge, kHuge}, 0, 0).file(64),
                ErrorCategory::InvalidModel, "larger than any file");
  expectRefused(llama().tensor("a", {kHuge}, 0, 0).file(64), ErrorCategory::InvalidModel,
                "larger than the file");
  expectRefused(llama().tensor("a", {33}, 3, 0).file(64), ErrorCategory::InvalidModel,
                "blocks of 32");
  expectRefused(llama().tensor("a", {1, 1, 1, 1, 1}, 0, 0).file(64), ErrorCategory::InvalidModel,
                "5 dimensions");
  expectRefused(llama().tensor("a", {32}, 4, 0).file(256), ErrorCategory::Unsupported, "type 4");
}

TEST(GgufFault, ValuesOfAnotherType) {
  expectRefused(FileBuilder().number("general.architecture", 1).file(0),
                ErrorCategory::InvalidModel, "does not fit");
  expectRefused(llama().text("tokenizer.ggml.tokens", "a").file(0), ErrorCategory::InvalidModel,
                "does not fit");
  expectRefused(llama().numbers("tokenizer.ggml.tokens", {1}).file(0), ErrorCategory::InvalidModel,
                "no texts");
  expectRefused(llama().number("general.alignment", 3).file(0), ErrorCategory::InvalidModel,
                "alignment");
  expectRefused(FileBuilder().text("general.name", "x").file(0), ErrorCategory::InvalidModel,
                "no architecture");
}

TEST(GgufFault, AFileThatIsNotThere) {
  const auto info = readModelFile("/nonexistent/x.gguf");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().category, ErrorCategory::NotFound);
  EXPECT_EQ(readModelFile("/proc").error().category, ErrorCategory::InvalidModel);
}

}  // namespace
}  // namespace webpool::gguf

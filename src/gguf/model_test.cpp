#include "gguf/model.h"

#include <gtest/gtest.h>

#include "gguf/testing/file_builder.h"

namespace webpool::gguf {
namespace {

using testing::bytesOf;
using testing::smallModel;

TEST(GgufModel, SaysWhatTheHeaderSays) {
  const auto file = smallModel().file(768);
  const auto info = readModel(bytesOf(file));
  ASSERT_TRUE(info) << info.error().describe();
  EXPECT_EQ(info->version, 3u);
  EXPECT_EQ(info->architecture, "llama");
  EXPECT_EQ(info->name, "Small");
  EXPECT_EQ(info->quantisation, "q4_1");
  EXPECT_EQ(info->chatTemplate, "{{ messages }}");
  EXPECT_EQ(info->contextLength, 2048u);
  EXPECT_EQ(info->blockCount, 2u);
  EXPECT_EQ(info->headCount, 4u);
  EXPECT_EQ(info->headCountKv, 2u);
  EXPECT_EQ(info->keyLength, 16u);
  EXPECT_EQ(info->vocabulary, 4u);
  EXPECT_EQ(info->longestToken, 7u);
  EXPECT_EQ(info->tensorCount, 2u);
  EXPECT_EQ(info->tensorBytes, 768u);
  EXPECT_EQ(info->partCount, 1u);
}

TEST(GgufModel, VersionTwoIsReadAlike) {
  auto builder = smallModel();
  builder.version = 2;
  const auto file = builder.file(768);
  EXPECT_TRUE(readModel(bytesOf(file)));
}

TEST(GgufModel, WithoutAFileTypeTheMostBytesTellIt) {
  testing::FileBuilder builder;
  builder.text("general.architecture", "llama")
      .tensor("a", {32}, 0, 0)
      .tensor("b", {256, 4}, 12, 128);
  const auto file = builder.file(128 + 576);
  const auto info = readModel(bytesOf(file));
  ASSERT_TRUE(info) << info.error().describe();
  EXPECT_EQ(info->quantisation, "q4_k");
}

}  // namespace
}  // namespace webpool::gguf

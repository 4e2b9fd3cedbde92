#include "tasks/file_types.h"

#include <gmock/gmock.h>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kConfig = R"({"beg_size": 4, "mid_size": 0, "end_size": 4,
  "use_inputs_at_offsets": false, "medium_confidence_threshold": 0.5, "min_file_size_for_dl": 3,
  "padding_token": 256, "block_size": 8, "thresholds": {"markdown": 0.9},
  "overwrite_map": {"randomtxt": "txt"},
  "target_labels_space": ["python", "markdown", "png", "randomtxt"]})";

constexpr auto kKinds = R"({
  "python": {"mime_type": "text/x-python", "group": "code", "description": "Python source",
             "is_text": true},
  "markdown": {"mime_type": "text/markdown", "group": "text", "description": null, "is_text": true},
  "png": {"mime_type": "image/png", "group": "image", "description": "PNG", "is_text": false},
  "txt": {"mime_type": "text/plain", "group": "text", "description": "Text", "is_text": true},
  "empty": {"mime_type": "inode/x-empty", "group": "inode", "description": "Empty",
            "is_text": false}})";

FileTypeRules rules() {
  return FileTypeRules::read(kConfig, kKinds).value();
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<std::int32_t> featuresOf(std::string_view text) {
  std::vector<std::int32_t> rows;
  EXPECT_EQ(rules().appendFeatures(bytes(text), rows), !rows.empty());
  return rows;
}

TEST(FileTypeFeatures, AreBothEndsWithoutBlanks) {
  EXPECT_THAT(featuresOf("  abcdefghij\n"), ElementsAre('a', 'b', 'c', 'd', 'g', 'h', 'i', 'j'));
  EXPECT_THAT(featuresOf(" abc "), ElementsAre('a', 'b', 'c', ' ', ' ', 'a', 'b', 'c'));
  EXPECT_THAT(featuresOf("abc"), ElementsAre('a', 'b', 'c', 256, 256, 'a', 'b', 'c'));
}

TEST(FileTypeFeatures, TooFewBytesHaveNone) {
  EXPECT_TRUE(featuresOf("").empty());
  EXPECT_TRUE(featuresOf("ab").empty());
  EXPECT_TRUE(featuresOf("      \n\n").empty());
  EXPECT_TRUE(featuresOf("          ab").empty()) << "what is behind the block does not count";
}

TEST(FileTypes, WithoutTheModel) {
  EXPECT_EQ(rules().withoutModel(bytes("")).label, "empty");
  EXPECT_EQ(rules().withoutModel(bytes("ab")).label, "txt");
  EXPECT_EQ(rules().withoutModel(bytes("\xff")).label, "unknown");
}

TEST(FileTypes, TheModelIsBelievedWhereItIsSure) {
  const auto of = [](std::vector<float> scores) { return rules().withModel(scores); };
  const auto python = of({0.9F, 0, 0.1F, 0});
  EXPECT_EQ(python.label, "python");
  EXPECT_EQ(python.mime, "text/x-python");
  EXPECT_EQ(of({0.4F, 0.3F, 0.3F, 0}).label, "txt");
  EXPECT_EQ(of({0.4F, 0.3F, 0.3F, 0}).said, "python");
  EXPECT_EQ(of({0, 0.3F, 0.4F, 0.3F}).label, "unknown");
  EXPECT_EQ(of({0, 0.8F, 0.2F, 0}).label, "txt") << "markdown needs more";
  EXPECT_EQ(of({0, 0, 0, 1}).label, "txt");
}

TEST(FileTypeRules, WhatIsMissingIsNamed) {
  EXPECT_EQ(FileTypeRules::read("[]", kKinds).error().category, ErrorCategory::InvalidModel);
  EXPECT_THAT(FileTypeRules::read("{}", kKinds).error().message, HasSubstr("beg_size"));
  EXPECT_THAT(FileTypeRules::read(kConfig, R"({"a": {}})").error().message, HasSubstr("is_text"));
}

}  // namespace
}  // namespace webpool::tasks

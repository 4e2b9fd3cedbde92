#include "sources/hub_listing.h"

#include <gmock/gmock.h>

namespace webpool::sources {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

const std::string kSha1(40, 'a');
const std::string kSha256(64, 'b');

std::string entry(const std::string& path, bool lfs = false) {
  auto text = R"({"type":"file","path":")" + path + R"(","size":7,"oid":")" + kSha1 + '"';
  if (lfs) text += R"(,"lfs":{"oid":")" + kSha256 + R"(","size":7,"pointerSize":120})";
  return text + "}";
}

std::vector<HubFile> files(const std::vector<std::string>& paths) {
  std::vector<HubFile> all;
  for (const auto& path : paths) all.push_back({path, 7, kSha256, {}});
  return all;
}

std::vector<std::string> pathsOf(const Result<HubChoice>& choice) {
  std::vector<std::string> paths;
  if (choice) {
    for (const auto& file : choice->files) paths.push_back(file.path);
  }
  return paths;
}

TEST(HubListingTest, NamesAndRevisions) {
  EXPECT_EQ(parseHubName("hf:org/name")->repository, "org/name");
  EXPECT_EQ(parseHubName("hf:org/name")->revision, "main");
  EXPECT_EQ(parseHubName("hf:org/name@refs/pr/1")->revision, "refs/pr/1");
  EXPECT_EQ(parseHubName("hf:name")->repository, "name");
  for (const auto* bad : {"hf:", "hf:a/b/c", "hf:../x", "hf:org/name@", "hf:o g/n", "hf:/n"}) {
    EXPECT_FALSE(parseHubName(bad)) << bad;
  }
}

TEST(HubListingTest, ATreeGivesSizesAndTheRightHash) {
  const auto tree =
      parseTree("[" + entry("config.json") + R"(,{"type":"directory","path":"onnx"},)" +
                entry("onnx/model.onnx", true) + "]");
  ASSERT_TRUE(tree) << tree.error().describe();
  ASSERT_EQ(tree->size(), 2u);
  EXPECT_EQ((*tree)[0].blobSha1, kSha1);
  EXPECT_EQ((*tree)[0].sha256, "");
  EXPECT_EQ((*tree)[1].sha256, kSha256);
  EXPECT_EQ((*tree)[1].size, 7u);
}

TEST(HubListingTest, APathThatLeadsOutAndAFileWithoutHashAreRefused) {
  for (const auto* path : {"../x", "/x", "a//b", "a/./b", "a/..", "", "a\\u0001"}) {
    EXPECT_FALSE(parseTree("[" + entry(path) + "]")) << path;
  }
  EXPECT_FALSE(parseTree(R"([{"type":"file","path":"a","size":1}])"));
  EXPECT_FALSE(parseTree(R"([{"type":"file","path":"a","size":-1,"oid":")" + kSha1 + "\"}]"));
  EXPECT_FALSE(parseTree("{}"));
  EXPECT_FALSE(parseTree("<html>"));
}

TEST(HubListingTest, TheNextPageOfALinkField) {
  EXPECT_EQ(nextPage(R"(<https://h/t?cursor=x>; rel="next")"), "https://h/t?cursor=x");
  EXPECT_EQ(nextPage(R"(<https://h/1>; rel="prev", <https://h/3>; rel="next")"), "https://h/3");
  EXPECT_EQ(nextPage(R"(<https://h/1>; rel="prev")"), "");
  EXPECT_EQ(nextPage("><"), "");
  EXPECT_EQ(nextPage(""), "");
}

TEST(HubListingTest, OnlyTheAskedDtypeAndWhatTasksRead) {
  const auto all = files({"README.md", "config.json", "model.onnx", "onnx/model.onnx",
                          "onnx/model_q4.onnx", "onnx/model_q4.onnx_data", "onnx/model_O2.onnx",
                          "onnx/model_qint8_avx512.onnx", "openvino/model.onnx", "tokenizer.json",
                          "tokenizer_config.json", "pytorch_model.bin", "vocab.txt"});
  const auto q4 = chooseFiles(all, "q4", {});
  ASSERT_TRUE(q4) << q4.error().describe();
  EXPECT_THAT(pathsOf(q4),
              UnorderedElementsAre("config.json", "onnx/model_q4.onnx", "onnx/model_q4.onnx_data",
                                   "tokenizer.json", "tokenizer_config.json", "vocab.txt"));
  const auto plain = chooseFiles(all, "", {});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->dtype, "fp32");
  EXPECT_THAT(pathsOf(plain), testing::Contains("onnx/model.onnx"));
  EXPECT_THAT(pathsOf(plain), testing::Not(testing::Contains("onnx/model_O2.onnx")));
  EXPECT_THAT(pathsOf(plain), testing::Not(testing::Contains("model.onnx")));
  EXPECT_EQ(chooseFiles(all, "fp16", {}).error().category, ErrorCategory::NotFound);
  EXPECT_EQ(chooseFiles(files({"config.json"}), "", {}).error().category,
            ErrorCategory::InvalidModel);
}

TEST(HubListingTest, TheMergedDecoderIsEnough) {
  const auto choice =
      chooseFiles(files({"onnx/encoder_model_quantized.onnx", "onnx/decoder_model_quantized.onnx",
                         "onnx/decoder_with_past_model_quantized.onnx",
                         "onnx/decoder_model_merged_quantized.onnx"}),
                  "q8", {});
  EXPECT_THAT(pathsOf(choice), UnorderedElementsAre("onnx/encoder_model_quantized.onnx",
                                                    "onnx/decoder_model_merged_quantized.onnx"));
}

TEST(HubListingTest, PatternsChooseInstead) {
  const auto all = files({"a.json", "onnx/x.onnx", "onnx/x_q4.onnx", "README.md"});
  EXPECT_THAT(pathsOf(chooseFiles(all, "", {"*.json", "onnx/*"})),
              ElementsAre("a.json", "onnx/x.onnx", "onnx/x_q4.onnx"));
  EXPECT_THAT(pathsOf(chooseFiles(all, "q4", {"*.json", "onnx/*"})),
              ElementsAre("a.json", "onnx/x_q4.onnx"));
  EXPECT_EQ(chooseFiles(all, "", {"nothing*"}).error().category, ErrorCategory::NotFound);
}

TEST(HubListingTest, PathsAreEncoded) {
  EXPECT_EQ(urlPart("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(urlPart("a b/c?.onnx", true), "a%20b/c%3F.onnx");
}

TEST(HubListingTest, TheCommitOfARevision) {
  EXPECT_EQ(*parseCommit(R"({"sha":")" + kSha1 + "\"}"), kSha1);
  EXPECT_FALSE(parseCommit(R"({"sha":"main"})"));
  EXPECT_FALSE(parseCommit("[]"));
}

}  // namespace
}  // namespace webpool::sources

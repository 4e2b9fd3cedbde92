#include "store/catalogue.h"

#include <gtest/gtest.h>

#include "cid/tree.h"

namespace webpool::store {
namespace {

TEST(Catalogue, EveryBuiltInEntryIsConsistent) {
  const auto catalogue = Catalogue::builtIn();
  ASSERT_GE(catalogue.entries().size(), 3u);
  for (const auto& entry : catalogue.entries()) {
    SCOPED_TRACE(entry.name);
    EXPECT_NE(entry.variant(entry.defaultDtype), nullptr);
    for (const auto& file : entry.files) {
      // A file of one leaf: the CID is the SHA-256 itself.
      if (file.size <= cid::kLeafSize) {
        EXPECT_EQ(file.cid, cid::Cid(cid::Codec::Raw, file.sha256)) << file.path;
      } else {
        EXPECT_EQ(file.cid.codec(), cid::Codec::DagPb) << file.path;
      }
    }
    for (const auto& package : entry.packages) {
      EXPECT_EQ(package.integrity.starts_with("sha512-"), package.kind == SourcePackage::Kind::Npm);
    }
  }
}

TEST(Catalogue, FindsByNameAndAliasIgnoringCase) {
  const auto catalogue = Catalogue::builtIn();
  for (const auto* name : {"all-minilm-l6-v2", "All-MiniLM-L6-v2", "minilm",
                           "sentence-transformers/all-MiniLM-L6-v2"}) {
    ASSERT_NE(catalogue.find(name), nullptr) << name;
    EXPECT_EQ(catalogue.find(name)->name, "all-minilm-l6-v2");
  }
  EXPECT_NE(catalogue.find("silero-vad-v5"), nullptr);
  EXPECT_EQ(catalogue.find("gpt"), nullptr);
}

TEST(Catalogue, FilesOfADtype) {
  const auto catalogue = Catalogue::builtIn();
  const auto* minilm = catalogue.find("minilm");
  EXPECT_EQ(minilm->task, "text-embedding");
  EXPECT_EQ(minilm->filesFor("q4").size(), 7u);
  EXPECT_EQ(minilm->filesFor("fp32").size(), 6u);
  EXPECT_GT(minilm->bytesFor("fp32"), 90'000'000u);
}

constexpr auto kEntry = R"json({
  "name": "n", "aliases": [], "description": "d", "license": "MIT", "task": "tensors",
  "default_dtype": "fp32",
  "variants": [{"dtype": "fp32", "root": "bafkqaaa"}],
  "packages": [{"kind": "npm", "locator": "p@1", "integrity": "sha512-x"}],
  "files": [{"path": "model.onnx", "dtype": "fp32", "size": 1, "cid": "bafkqaaa",
    "sha256": "0000000000000000000000000000000000000000000000000000000000000000",
    "sources": [{"package": 0, "member": "m"}]}],
  "golden": {"inputs": {}, "outputs": {}}})json";

std::string with(std::string_view from, std::string_view to) {
  std::string text = kEntry;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Catalogue, ParsesAnEntry) {
  const auto entry = parseCatalogueEntry(kEntry);
  ASSERT_TRUE(entry) << entry.error().describe();
  EXPECT_EQ(entry->files[0].sources[0].member, "m");
  EXPECT_EQ(entry->golden, R"({"inputs":{},"outputs":{}})");
  EXPECT_EQ(entry->packages[0].text(), "npm p@1");
}

TEST(Catalogue, RefusesMalformedEntries) {
  for (const auto& text :
       {std::string(""), std::string("[]"), std::string("{}"), with("\"n\"", "7"),
        with("\"bafkqaaa\"", "\"nonsense\""), with("\"package\": 0", "\"package\": 1"),
        with("\"package\": 0", "\"package\": -1"), with("\"kind\": \"npm\"", "\"kind\": \"ftp\""),
        with("\"size\": 1", "\"size\": -1"), with("\"size\": 1", "\"size\": \"1\""),
        with("0000000000", "00000000"), with("0000000000", "000000000g"),
        with("\"dtype\": \"fp32\", \"size\"", "\"dtype\": \"q4\", \"size\""),
        with("\"default_dtype\": \"fp32\"", "\"default_dtype\": \"q4\""),
        with("[{\"package\": 0, \"member\": \"m\"}]", "[]")}) {
    const auto entry = parseCatalogueEntry(text);
    ASSERT_FALSE(entry) << text;
    EXPECT_EQ(entry.error().category, ErrorCategory::InvalidArgument);
  }
}

}  // namespace
}  // namespace webpool::store

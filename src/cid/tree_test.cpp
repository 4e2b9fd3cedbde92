// CIDs against tests/vectors/cid/unixfs.json, which another implementation wrote.
#include "cid/tree.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "cid/hamt.h"
#include "cid/multibase.h"
#include "cid/unixfs.h"

namespace webpool::cid {
namespace {

namespace json = boost::json;

const json::value& vectors() {
  static const json::value document = [] {
    std::ifstream file(WEBPOOL_SOURCE_DIR "/tests/vectors/cid/unixfs.json");
    std::stringstream text;
    text << file.rdbuf();
    return json::parse(text.str());
  }();
  return document;
}

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>((i * 7 + (i >> 8)) % 251);
  return bytes;
}

FileTree treeOf(std::span<const std::byte> content) {
  const auto whole = content;
  std::vector<Digest> leaves;
  do {
    const auto size = std::min<std::size_t>(content.size(), kLeafSize);
    leaves.push_back(sha256(content.first(size)));
    content = content.subspan(size);
  } while (!content.empty());
  return buildFileTree(leaves, whole.size()).value();
}

FileTree treeOfZeros(std::uint64_t size) {
  const std::vector<std::byte> zeros(kLeafSize);
  std::vector<Digest> leaves(size / kLeafSize, sha256(zeros));
  return buildFileTree(leaves, size).value();
}

std::string hexBlock(const std::string& block) {
  return encodeMultibase(Base::Base16, std::as_bytes(std::span(block))).substr(1);
}

TEST(FileTree, EqualsTheIndependentImplementation) {
  int compared = 0;
  for (const auto& value : vectors().at("files").as_array()) {
    const auto size = value.at("size").to_number<std::uint64_t>();
    const auto rule = std::string(value.at("rule").as_string());
    FileTree tree;
    if (rule == "zero") {
      tree = treeOfZeros(size);
    } else if (rule == "text") {
      const std::string text(value.at("text").as_string());
      tree = treeOf(std::as_bytes(std::span(text)));
    } else {
      tree = treeOf(pattern(size));
    }
    EXPECT_EQ(tree.root.text(), std::string(value.at("cid").as_string())) << value.at("name");
    ++compared;
    if (const auto* nodes = value.as_object().if_contains("nodes")) {
      EXPECT_EQ(tree.nodes.size(), nodes->as_object().size());
      for (const auto& node : tree.nodes) {
        EXPECT_EQ(hexBlock(node.block), std::string(nodes->at(node.cid.text()).as_string()));
      }
    }
  }
  EXPECT_EQ(compared, 8);
}

TEST(FileTree, NodesCoverTheFile) {
  const auto tree = treeOfZeros(1025 * kLeafSize);
  ASSERT_EQ(tree.nodes.size(), 3u);
  EXPECT_EQ(tree.nodes[0].offset, 0u);
  EXPECT_EQ(tree.nodes[0].length, 1024 * kLeafSize);
  EXPECT_EQ(tree.nodes[1].offset, 1024 * kLeafSize);
  EXPECT_EQ(tree.nodes[1].length, kLeafSize);
  EXPECT_EQ(tree.nodes[2].cid, tree.root);
  EXPECT_EQ(tree.nodes[2].length, 1025 * kLeafSize);
  for (const auto& node : tree.nodes) {
    const auto read = readUnixFsNode(std::as_bytes(std::span(node.block)));
    EXPECT_EQ(std::get<FileNode>(read.value()).size, node.length);
  }
}

TEST(FileTree, RefusesTheWrongNumberOfLeaves) {
  const std::vector<Digest> leaves(2);
  EXPECT_FALSE(buildFileTree(leaves, 1));
  EXPECT_FALSE(buildFileTree(leaves, 2 * kLeafSize + 1));
  EXPECT_FALSE(buildFileTree({}, 0));
  EXPECT_TRUE(buildFileTree(leaves, 2 * kLeafSize));
  EXPECT_TRUE(buildFileTree(leaves, kLeafSize + 1));
}

Link entry(std::string name, std::string_view content) {
  return {Cid::of(Codec::Raw, std::as_bytes(std::span(content))), std::move(name), content.size()};
}

TEST(Directory, EqualsTheIndependentImplementation) {
  const auto& flat = vectors().at("folders").at(0);
  std::vector<Link> entries;
  for (const auto& [name, size] : flat.at("files").as_object()) {
    const auto tree = treeOf(pattern(size.to_number<std::size_t>()));
    entries.push_back({tree.root, std::string(name), tree.dagSize});
  }
  const auto folder = buildFolder(entries).value();
  EXPECT_EQ(folder.root.text(), std::string(flat.at("cid").as_string()));
  ASSERT_EQ(folder.nodes.size(), 1u);
  EXPECT_EQ(hexBlock(folder.nodes[0].block),
            std::string(flat.at("nodes").at(folder.root.text()).as_string()));
}

TEST(Directory, OrderOfEntriesDoesNotMatter) {
  const auto one = buildFolder({entry("a", "1"), entry("b", "2")}).value();
  const auto two = buildFolder({entry("b", "2"), entry("a", "1")}).value();
  EXPECT_EQ(one.root, two.root);
}

TEST(Directory, RefusesNamesThatCannotBe) {
  using namespace std::string_literals;
  for (const auto& name : {""s, "."s, ".."s, "a/b"s, "a\0b"s}) {
    EXPECT_FALSE(buildFolder({entry(name, "x")})) << name;
  }
  EXPECT_FALSE(buildFolder({entry("a", "1"), entry("a", "2")}));
  EXPECT_FALSE(buildFolder({{entry("a", "1").cid, "a", std::nullopt}}));
}

}  // namespace
}  // namespace webpool::cid

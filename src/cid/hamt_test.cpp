// Sharded folders against tests/vectors/cid/hamt.json, which another implementation wrote.
#include "cid/hamt.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "cid/multibase.h"
#include "cid/murmur3.h"
#include "cid/resolve_path.h"
#include "cid/testing/memory_blocks.h"

namespace webpool::cid {
namespace {

namespace json = boost::json;
using testing::MemoryBlocks;

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

const json::value& vectors() {
  static const json::value document = [] {
    std::ifstream file(WEBPOOL_SOURCE_DIR "/tests/vectors/cid/hamt.json");
    std::stringstream text;
    text << file.rdbuf();
    return json::parse(text.str());
  }();
  return document;
}

Link entry(std::string name, std::string_view content) {
  return {Cid::of(Codec::Raw, bytesOf(content)), std::move(name), content.size()};
}

std::vector<Link> numbered(const std::string& prefix, std::size_t count) {
  std::vector<Link> entries;
  for (std::size_t i = 0; i < count; ++i) {
    entries.push_back(entry(prefix + std::to_string(i), std::to_string(i)));
  }
  return entries;
}

void keep(MemoryBlocks& blocks, const FolderTree& tree) {
  for (const auto& node : tree.nodes) blocks.put(node.cid, node.block);
}

std::set<std::string> namesOf(const std::vector<Link>& links) {
  std::set<std::string> names;
  for (const auto& link : links) names.insert(link.name);
  return names;
}

TEST(Murmur3, KnownHashes) {
  // Reference values of MurmurHash3_x64_128 with seed 0, first half.
  EXPECT_EQ(murmur3(""), 0u);
  EXPECT_EQ(murmur3("hello"), 0xcbd8a7b341bd9b02u);
  EXPECT_EQ(murmur3("hello, world"), 0x342fac623a5ebc8eu);
  EXPECT_EQ(murmur3("The quick brown fox jumps over the lazy dog."), 0xcd99481f9ee902c9u);
}

TEST(Hamt, EqualsTheIndependentImplementation) {
  int compared = 0;
  for (const auto& value : vectors().at("folders").as_array()) {
    const auto& folder = value.as_object();
    const std::string prefix(folder.at("prefix").as_string());
    const auto count = folder.at("count").to_number<std::size_t>();
    const auto threshold = folder.contains("threshold")
                               ? folder.at("threshold").to_number<std::size_t>()
                               : kMaxDirectoryBlock;
    const auto tree = buildFolder(numbered(prefix, count), threshold).value();
    EXPECT_EQ(tree.root.text(), std::string(folder.at("cid").as_string())) << folder.at("name");
    EXPECT_EQ(tree.dagSize, folder.at("dagSize").to_number<std::uint64_t>()) << folder.at("name");
    EXPECT_EQ(tree.nodes.back().cid, tree.root);
    EXPECT_EQ(tree.nodes.back().block.size(), folder.at("rootBytes").to_number<std::size_t>());
    if (const auto* block = folder.if_contains("rootBlock")) {
      EXPECT_EQ(encodeMultibase(Base::Base16, bytesOf(tree.nodes.back().block)).substr(1),
                std::string(block->as_string()));
    }
    ++compared;
  }
  EXPECT_EQ(compared, 7);
}

TEST(Hamt, WhatWasWrittenIsFoundAndListed) {
  MemoryBlocks blocks;
  const auto entries = numbered("n", 5000);
  const auto tree = buildFolder(entries, 0).value();
  keep(blocks, tree);
  const auto listed = listFolder(blocks, tree.root).value();
  EXPECT_EQ(listed.size(), entries.size());
  EXPECT_EQ(namesOf(listed), namesOf(entries));
  for (const auto& wanted : entries) {
    EXPECT_EQ(findEntry(blocks, tree.root, wanted.name).value(), wanted.cid) << wanted.name;
  }
  blocks.asked.clear();
  const auto none = findEntry(blocks, tree.root, "n5000");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::NotFound);
  EXPECT_LE(blocks.asked.size(), 4u);  // a way through the shards, not all of them
}

TEST(Hamt, TheThresholdIsStrict) {
  const auto entries = numbered("x", 30);
  const auto size = plainDirectory(entries).block.size();
  EXPECT_EQ(buildFolder(entries, size).value().nodes.size(), 1u);
  const auto plain = readUnixFsEntity(bytesOf(buildFolder(entries, size)->nodes[0].block)).value();
  EXPECT_TRUE(std::holds_alternative<DirectoryNode>(plain));
  const auto sharded =
      readUnixFsEntity(bytesOf(buildFolder(entries, size - 1)->nodes.back().block)).value();
  EXPECT_TRUE(std::holds_alternative<ShardNode>(sharded));
}

TEST(Hamt, RandomNamesReadBack) {
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    std::set<std::string> names;
    const auto count = 1 + random() % 400;
    while (names.size() < count) {
      std::string name;
      const auto length = 1 + random() % 40;
      while (name.size() < length) {
        const auto letter = static_cast<char>(1 + random() % 255);
        if (letter != '/') name += letter;
      }
      if (name != "." && name != "..") names.insert(name);
    }
    std::vector<Link> entries;
    for (const auto& name : names) entries.push_back(entry(name, name));
    MemoryBlocks blocks;
    const auto tree = buildFolder(entries, 0).value();
    keep(blocks, tree);
    EXPECT_EQ(namesOf(listFolder(blocks, tree.root).value()), names);
    for (const auto& wanted : entries) {
      EXPECT_EQ(findEntry(blocks, tree.root, wanted.name).value(), wanted.cid);
    }
  }
}

TEST(Hamt, RefusesNamesAsPlainFoldersDo) {
  EXPECT_FALSE(buildFolder({entry("a", "1"), entry("a", "2")}, 0));
  EXPECT_FALSE(buildFolder({entry("..", "1")}, 0));
}

ErrorCategory readCategory(const UnixFsData& data, std::vector<Link> links) {
  const auto read = readUnixFsEntity(Node{std::move(links), encodeUnixFs(data)});
  return read ? ErrorCategory::Internal : read.error().category;
}

TEST(Hamt, RefusesShardsThatLie) {
  UnixFsData data;
  data.type = UnixFsType::HamtShard;
  data.data = std::string(1, '\x06');  // places 1 and 2
  data.hashType = 0x22;
  data.fanout = 256;
  const auto good = std::vector<Link>{entry("01a", "a"), entry("02b", "b")};
  EXPECT_EQ(readCategory(data, good), ErrorCategory::Internal);  // reads
  EXPECT_EQ(readCategory(data, {good[0]}), ErrorCategory::Protocol);
  EXPECT_EQ(readCategory(data, {good[1], good[0]}), ErrorCategory::Protocol);
  EXPECT_EQ(readCategory(data, {good[0], good[0]}), ErrorCategory::Protocol);
  EXPECT_EQ(readCategory(data, {good[0], entry("03b", "b")}), ErrorCategory::Protocol);
  EXPECT_EQ(readCategory(data, {good[0], entry("0", "b")}), ErrorCategory::Protocol);
  EXPECT_EQ(readCategory(data, {entry("0ga", "a"), good[1]}), ErrorCategory::Protocol);
  for (const std::uint64_t fanout : {0u, 1u, 4u, 100u, 2048u}) {
    auto odd = data;
    odd.fanout = fanout;
    EXPECT_EQ(readCategory(odd, good), ErrorCategory::Protocol) << fanout;
  }
  auto otherHash = data;
  otherHash.hashType = 0x12;
  EXPECT_EQ(readCategory(otherHash, good), ErrorCategory::Unsupported);
}

TEST(Hamt, AShardThatHoldsItselfEnds) {
  // No hash makes this possible; a source that checks none could still give it.
  MemoryBlocks blocks;
  const auto cid = Cid::of(Codec::DagPb, bytesOf("no such block"));
  UnixFsData data;
  data.type = UnixFsType::HamtShard;
  data.data = std::string(32, '\xff');
  data.hashType = 0x22;
  data.fanout = 256;
  Node node;
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t i = 0; i < 256; ++i) {
    node.links.push_back({cid, {kDigits[i / 16], kDigits[i % 16]}, 1});
  }
  node.data = encodeUnixFs(data);
  blocks.put(cid, encodeNode(node));
  EXPECT_EQ(findEntry(blocks, cid, "x").error().category, ErrorCategory::NotFound);
  EXPECT_EQ(listFolder(blocks, cid).error().category, ErrorCategory::Protocol);
}

TEST(Hamt, AListThatIsTooLongIsRefused) {
  MemoryBlocks blocks;
  for (const std::size_t threshold : {std::size_t{0}, kMaxDirectoryBlock}) {
    const auto tree = buildFolder(numbered("a", 100), threshold).value();
    keep(blocks, tree);
    EXPECT_EQ(listFolder(blocks, tree.root, 100)->size(), 100u);
    EXPECT_EQ(listFolder(blocks, tree.root, 99).error().category, ErrorCategory::Unsupported);
  }
}

}  // namespace
}  // namespace webpool::cid

#include "sources/tree_plan.h"

#include <gtest/gtest.h>

#include <span>

#include "cid/dag_pb.h"

namespace webpool::sources {
namespace {

using cid::Cid;
using cid::Codec;

Cid cidOf(Codec codec, std::string_view block) {
  return Cid::of(codec, std::as_bytes(std::span(block)));
}

/// Folders in so many levels, each with two links of `length` letters to the next: a path for each
/// way down, twice as many a level, out of one block a level.
struct Doubling {
  std::vector<std::pair<Cid, std::string>> folders{};  ///< the root last
  Cid leaf = cidOf(Codec::Raw, "x");

  Doubling(unsigned levels, std::size_t length) {
    auto next = leaf;
    std::uint64_t size = 1;
    for (unsigned level = 0; level < levels; ++level) {
      cid::UnixFsData data;
      data.type = cid::UnixFsType::Directory;
      const auto block = cid::encodeNode(
          {{{next, std::string(length, 'a'), size}, {next, std::string(length, 'b'), size}},
           cid::encodeUnixFs(data)});
      folders.emplace_back(cidOf(Codec::DagPb, block), block);
      next = folders.back().first;
      size = 2 * size + block.size();
    }
  }

  /// What of it is known once all its nodes were read.
  TreePlan read() const {
    TreePlan plan(folders.back().first);
    while (const auto wanted = plan.nextNode()) {
      for (const auto& [cid, block] : folders) {
        if (cid == wanted->cid) EXPECT_TRUE(plan.read(cid, block));
      }
    }
    return plan;
  }
};

TEST(TreePlan, AFolderWithFewPathsIsAsItWasImported) {
  const Doubling tree(3, 250);
  auto plan = tree.read();
  ASSERT_TRUE(plan.finish(1 << 20));
  const auto entries = plan.asImport({{tree.leaf, 1}});
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), 8U);
}

TEST(TreePlan, PathsThatTakeMoreThanTheirBlocksAreNotListed) {
  // 32,768 paths of 2 kB each and those of their folders, out of 15 blocks: over 64 MiB, and under
  // what the store reads.
  const Doubling tree(15, 120);
  auto plan = tree.read();
  ASSERT_TRUE(plan.finish(1 << 20));
  EXPECT_FALSE(plan.asImport({{tree.leaf, 1}}));
}

TEST(TreePlan, PathsOverTheStoresLimitAreRefused) {
  // 65,536 paths of 4 kB each, out of 16 blocks.
  auto plan = Doubling(16, 250).read();
  const auto finished = plan.finish(1 << 20);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().category, ErrorCategory::Unsupported);
}

TEST(TreePlan, AShardThatComesTwiceIsMalformed) {
  const auto leaf = cidOf(Codec::Raw, "x");
  const auto shardOf = [](const std::vector<cid::Link>& links, std::string bits) {
    cid::UnixFsData data;
    data.type = cid::UnixFsType::HamtShard;
    data.data = std::move(bits);
    data.hashType = 0x22;
    data.fanout = 256;
    return cid::encodeNode({links, cid::encodeUnixFs(data)});
  };
  const auto inner = shardOf({{leaf, "00x", 1}}, "\x01");
  const auto innerCid = cidOf(Codec::DagPb, inner);
  const auto root = shardOf({{innerCid, "00", 1}, {innerCid, "01", 1}}, "\x03");
  TreePlan plan(cidOf(Codec::DagPb, root));
  ASSERT_TRUE(plan.read(cidOf(Codec::DagPb, root), root));
  ASSERT_TRUE(plan.read(innerCid, inner));
  const auto finished = plan.finish(1 << 20);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().category, ErrorCategory::Protocol);
}

}  // namespace
}  // namespace webpool::sources

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

  std::optional<std::vector<TreeEntry>> asImport() const {
    TreePlan plan(folders.back().first);
    while (const auto wanted = plan.nextNode()) {
      for (const auto& [cid, block] : folders) {
        if (cid == wanted->cid) EXPECT_TRUE(plan.read(cid, block));
      }
    }
    EXPECT_TRUE(plan.finish(1 << 20));
    return plan.asImport({{leaf, 1}});
  }
};

TEST(TreePlan, AFolderWithFewPathsIsAsItWasImported) {
  const auto entries = Doubling(3, 250).asImport();
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), 8U);
}

TEST(TreePlan, PathsThatTakeMoreThanTheirBlocksAreNotListed) {
  // 65,536 paths of 4 kB each, out of 16 blocks.
  EXPECT_FALSE(Doubling(16, 250).asImport());
}

}  // namespace
}  // namespace webpool::sources

#include "cid/dag_walk.h"

#include <gtest/gtest.h>

#include <random>

#include "cid/hamt.h"
#include "cid/ipld.h"
#include "cid/testing/memory_blocks.h"

namespace webpool::cid {
namespace {

using testing::MemoryBlocks;

struct Made {
  Cid cid;
  std::uint64_t size = 0;  ///< of the file
};

class DagWalkTest : public ::testing::Test {
 protected:
  Made leaf(const std::string& content) {
    return {blocks_.put(Codec::Raw, content), content.size()};
  }

  /// As old writers did: the content inside a dag-pb node.
  Made pbLeaf(const std::string& content, UnixFsType type = UnixFsType::Raw) {
    UnixFsData data{.type = type, .data = content, .fileSize = content.size(), .blockSizes = {}};
    return {blocks_.put(Codec::DagPb, encodeNode({{}, encodeUnixFs(data)})), content.size()};
  }

  /// `own`: content of the node itself, before its parts.
  Made node(const std::vector<Made>& parts, const std::string& own = "") {
    UnixFsData data;
    Node result;
    if (!own.empty()) data.data = own;
    data.fileSize = own.size();
    for (const auto& part : parts) {
      result.links.push_back({part.cid, "", part.size});
      data.blockSizes.push_back(part.size);
      *data.fileSize += part.size;
    }
    result.data = encodeUnixFs(data);
    return {blocks_.put(Codec::DagPb, encodeNode(result)), *data.fileSize};
  }

  Result<std::string> read(const Cid& file, EntityBytes bytes = {}) {
    FileWalk walk(blocks_, file, bytes);
    std::string content;
    while (true) {
      const auto step = walk.next();
      if (!step) return std::unexpected(step.error());
      if (!*step) return content;
      content += (*step)->data.text();
    }
  }

  Result<std::vector<Cid>> walk(const Cid& root, DagWalkOptions options = {},
                                std::vector<Cid> way = {}) {
    DagWalk walk(blocks_, root, options, std::move(way));
    std::vector<Cid> cids;
    while (true) {
      const auto step = walk.next();
      if (!step) return std::unexpected(step.error());
      if (!*step) return cids;
      EXPECT_TRUE((*step)->cid.matches((*step)->block.view()));
      cids.push_back((*step)->cid);
    }
  }

  MemoryBlocks blocks_;
};

TEST(EntityBytes, WithinAFile) {
  const auto within = [](std::int64_t from, std::optional<std::int64_t> to) {
    const auto span = EntityBytes{from, to}.within(100);
    return std::pair(span.begin, span.end);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(within(0, std::nullopt), Pair(0, 100));
  EXPECT_EQ(within(0, 0), Pair(0, 1));
  EXPECT_EQ(within(10, 19), Pair(10, 20));
  EXPECT_EQ(within(-5, std::nullopt), Pair(95, 100));
  EXPECT_EQ(within(-5, -2), Pair(95, 99));
  EXPECT_EQ(within(-500, -3), Pair(0, 98));
  EXPECT_EQ(within(10, 1000), Pair(10, 100));
  EXPECT_EQ(within(50, 49), Pair(50, 50));
  EXPECT_EQ(within(200, std::nullopt), Pair(100, 100));
  EXPECT_EQ(within(0, -101), Pair(0, 0));
  EXPECT_EQ(within(INT64_MIN, INT64_MIN), Pair(0, 0));
  EXPECT_EQ(within(INT64_MAX, INT64_MAX), Pair(100, 100));
}

TEST_F(DagWalkTest, ReadsEveryLayout) {
  EXPECT_EQ(read(leaf("raw").cid).value(), "raw");
  EXPECT_EQ(read(pbLeaf("inside", UnixFsType::File).cid).value(), "inside");
  EXPECT_EQ(read(leaf("").cid).value(), "");
  EXPECT_EQ(read(node({leaf("ab"), pbLeaf("cd"), leaf("e")}).cid).value(), "abcde");
  EXPECT_EQ(read(node({node({leaf("ab"), leaf("c")}), pbLeaf("d")}).cid).value(), "abcd");
  // Trickle: content in the inner nodes, and leaves of different depths.
  const auto trickle = node({leaf("23"), node({leaf("6")}, "45"), leaf("7")}, "01");
  EXPECT_EQ(read(trickle.cid).value(), "01234567");
  EXPECT_EQ(fileSize(blocks_, trickle.cid).value(), 8u);
  // Version 0 names the same block.
  const auto bytes = trickle.cid.bytes();
  const auto old = Cid::fromBytes(std::as_bytes(std::span(bytes)).subspan(2)).value();
  EXPECT_EQ(old.version(), 0u);
  EXPECT_EQ(read(old).value(), "01234567");
}

TEST_F(DagWalkTest, RandomFilesAndRangesReadBack) {
  std::mt19937 random(5);
  for (int round = 0; round < 100; ++round) {
    std::string content;
    std::vector<Made> level;
    for (auto i = 1 + random() % 40; i > 0; --i) {
      std::string piece;
      for (auto n = random() % 20; n > 0; --n) piece += static_cast<char>(random());
      content += piece;
      level.push_back(random() % 2 == 0 ? leaf(piece) : pbLeaf(piece));
    }
    while (level.size() > 1) {
      std::vector<Made> above;
      for (std::size_t first = 0; first < level.size();) {
        const auto count = std::min<std::size_t>(1 + random() % 5, level.size() - first);
        above.push_back(node({level.begin() + static_cast<std::ptrdiff_t>(first),
                              level.begin() + static_cast<std::ptrdiff_t>(first + count)}));
        first += count;
      }
      level = std::move(above);
    }
    EXPECT_EQ(read(level[0].cid).value(), content);
    for (int i = 0; i < 20; ++i) {
      const auto from = static_cast<std::int64_t>(random() % (content.size() + 3));
      const auto to = static_cast<std::int64_t>(random() % (content.size() + 3));
      const auto expected = to < from || from >= static_cast<std::int64_t>(content.size())
                                ? ""
                                : content.substr(static_cast<std::size_t>(from),
                                                 static_cast<std::size_t>(to - from + 1));
      EXPECT_EQ(read(level[0].cid, {from, to}).value(), expected) << from << "-" << to;
    }
  }
}

TEST_F(DagWalkTest, ARangeReadsOnlyItsBlocks) {
  const auto first = node({leaf("aaaa"), leaf("bbbb")});
  const auto second = node({leaf("cccc"), leaf("dddd")});
  const auto root = node({first, second});
  blocks_.asked.clear();
  EXPECT_EQ(read(root.cid, {8, 11}).value(), "cccc");
  EXPECT_EQ(blocks_.asked, (std::vector{root.cid, second.cid, leaf("cccc").cid}));
  // What is missing outside of it does no harm.
  blocks_.remove(first.cid);
  EXPECT_EQ(read(root.cid, {-2, std::nullopt}).value(), "dd");
  EXPECT_EQ(read(root.cid).error().category, ErrorCategory::NotFound);
}

TEST_F(DagWalkTest, LeavesThatAreOnlyNamedAreNotRead) {
  struct SizesOnly : MemoryBlocks {
    Result<std::uint64_t> sizeOf(const Cid& cid) override {
      const auto block = MemoryBlocks::get(cid);
      asked.pop_back();
      if (!block) return std::unexpected(block.error());
      return block->size();
    }
  };
  SizesOnly source;
  const auto root = node({leaf("abc"), node({leaf("de"), pbLeaf("f")})});
  for (const auto& cid : walk(root.cid).value())
    source.put(cid, std::string(blocks_.get(cid)->text()));
  for (const auto scope : {DagScope::All, DagScope::Entity}) {
    source.asked.clear();
    DagWalk walking(source, root.cid, {.scope = scope, .leaves = false});
    std::vector<std::uint64_t> leaves;
    while (auto step = walking.next().value()) {
      if (step->cid.codec() != Codec::Raw) {
        EXPECT_EQ(step->size, step->block.size());
        continue;
      }
      EXPECT_TRUE(step->block.empty());
      leaves.push_back(step->size);
    }
    EXPECT_EQ(leaves, (std::vector<std::uint64_t>{3, 2}));
    for (const auto& asked : source.asked) EXPECT_NE(asked.codec(), Codec::Raw);
  }
  // A leaf of another size than its node says is noticed all the same.
  auto wrong = leaf("four");
  wrong.size = 5;
  const auto liar = node({wrong});
  DagWalk walking(blocks_, liar.cid, {.scope = DagScope::Entity, .leaves = false});
  ASSERT_TRUE(walking.next());
  EXPECT_EQ(walking.next().error().category, ErrorCategory::Protocol);
}

TEST_F(DagWalkTest, RefusesPartsThatLie) {
  auto wrong = leaf("four");
  wrong.size = 5;
  EXPECT_EQ(read(node({wrong}).cid).error().category, ErrorCategory::Protocol);
  const auto folder = buildFolder({{leaf("x").cid, "x", 1}}).value();
  blocks_.put(folder.root, folder.nodes[0].block);
  EXPECT_EQ(read(folder.root).error().category, ErrorCategory::Protocol);
  EXPECT_EQ(read(node({{folder.root, 1}}).cid).error().category, ErrorCategory::Protocol);
  const auto value = blocks_.put(Codec::DagCbor, encodeDagCbor({std::int64_t{1}}));
  EXPECT_EQ(read(node({{value, 1}}).cid).error().category, ErrorCategory::Protocol);
}

TEST_F(DagWalkTest, CyclesAndTooDeepDagsEnd) {
  // A source that checks no hashes could give a node that holds itself.
  const auto self = Cid::of(Codec::DagPb, std::as_bytes(std::span(std::string_view("no block"))));
  UnixFsData data;
  data.fileSize = 4;
  data.blockSizes = {4};
  blocks_.put(self, encodeNode({{{self, "", 4}}, encodeUnixFs(data)}));
  EXPECT_EQ(read(self).error().category, ErrorCategory::Protocol);
  DagWalk once(blocks_, self, {});
  EXPECT_TRUE(*once.next());
  EXPECT_FALSE(*once.next());
  DagWalk again(blocks_, self, {.duplicates = true});
  Result<std::optional<DagWalk::Step>> step = std::nullopt;
  std::size_t count = 0;
  while ((step = again.next()) && *step) ++count;
  EXPECT_EQ(step.error().category, ErrorCategory::Protocol);
  EXPECT_EQ(count, kMaxDagDepth + 1);

  auto deep = leaf("x");
  for (unsigned i = 0; i < kMaxDagDepth + 1; ++i) deep = node({deep});
  EXPECT_EQ(read(deep.cid).error().category, ErrorCategory::Protocol);
}

TEST_F(DagWalkTest, AFileThatRepeatsItselfIsWalkedOnce) {
  // 2^60 bytes in 61 blocks.
  auto part = leaf("x");
  for (int i = 0; i < 60; ++i) part = node({part, part});
  EXPECT_EQ(walk(part.cid, {.scope = DagScope::Entity}).value().size(), 61u);
  EXPECT_EQ(walk(part.cid, {.scope = DagScope::Entity, .bytes = EntityBytes{1, -2}}).value().size(),
            61u);
  EXPECT_EQ(walk(part.cid).value().size(), 61u);
  EXPECT_EQ(read(part.cid, {1ll << 59, (1ll << 59) + 3}).value(), "xxxx");
}

TEST_F(DagWalkTest, ScopesOfFolders) {
  const auto big = node({leaf("ab"), leaf("cd")});
  const Link file{big.cid, "big", 50};
  const Link copy{big.cid, "copy", 50};
  const Link small{leaf("s").cid, "small", 1};
  const auto folder = buildFolder({file, copy, small}).value();
  blocks_.put(folder.root, folder.nodes[0].block);
  EXPECT_EQ(walk(folder.root, {.scope = DagScope::Block}).value(), std::vector{folder.root});
  EXPECT_EQ(walk(folder.root, {.scope = DagScope::Entity}).value(), std::vector{folder.root});
  const std::vector once{folder.root, big.cid, leaf("ab").cid, leaf("cd").cid, small.cid};
  EXPECT_EQ(walk(folder.root).value(), once);
  const std::vector twice{folder.root, big.cid,        leaf("ab").cid, leaf("cd").cid,
                          big.cid,     leaf("ab").cid, leaf("cd").cid, small.cid};
  EXPECT_EQ(walk(folder.root, {.duplicates = true}).value(), twice);
}

TEST_F(DagWalkTest, EntityOfAShardedFolderIsItsShards) {
  std::vector<Link> entries;
  for (int i = 0; i < 600; ++i) {
    const auto made = leaf(std::to_string(i));
    entries.push_back({made.cid, std::to_string(i), made.size});
  }
  const auto folder = buildFolder(entries, 0).value();
  for (const auto& shard : folder.nodes) blocks_.put(shard.cid, shard.block);
  const auto entity = walk(folder.root, {.scope = DagScope::Entity}).value();
  EXPECT_EQ(entity.size(), folder.nodes.size());
  EXPECT_EQ(entity[0], folder.root);
  EXPECT_EQ(walk(folder.root).value().size(), folder.nodes.size() + 600);
}

TEST_F(DagWalkTest, EntityOfFilesByBytes) {
  const auto file = node({leaf("aaaa"), leaf("bbbb"), leaf("cc")});
  const auto entity = [&](std::int64_t from, std::optional<std::int64_t> to) {
    return walk(file.cid, {.scope = DagScope::Entity, .bytes = EntityBytes{from, to}}).value();
  };
  EXPECT_EQ(entity(0, std::nullopt).size(), 4u);
  EXPECT_EQ(entity(0, 0), (std::vector{file.cid, leaf("aaaa").cid}));
  EXPECT_EQ(entity(4, 7), (std::vector{file.cid, leaf("bbbb").cid}));
  EXPECT_EQ(entity(-2, std::nullopt), (std::vector{file.cid, leaf("cc").cid}));
  EXPECT_EQ(entity(100, std::nullopt), std::vector{file.cid});
}

TEST_F(DagWalkTest, TheWayComesFirstAndIdentityBlocksNever) {
  const Cid identity(Codec::Raw, Multihash{HashFunction::Identity, "hi"});
  const auto folder = buildFolder({{identity, "i", 2}, {leaf("x").cid, "x", 1}}).value();
  blocks_.put(folder.root, folder.nodes[0].block);
  const auto outer = buildFolder({{folder.root, "f", 100}}).value();
  blocks_.put(outer.root, outer.nodes[0].block);
  EXPECT_EQ(walk(folder.root, {}, {outer.root}).value(),
            (std::vector{outer.root, folder.root, leaf("x").cid}));
  EXPECT_TRUE(walk(identity, {.duplicates = true}).value().empty());
}

TEST_F(DagWalkTest, ValuesAreWalkedByTheirLinks) {
  const auto x = leaf("x").cid;
  const auto y = leaf("y").cid;
  const auto inner = blocks_.put(Codec::DagJson, encodeDagJson({IpldList{{y}, {x}}}));
  const auto root =
      blocks_.put(Codec::DagCbor, encodeDagCbor({IpldMap{{"a", {x}}, {"b", {inner}}}}));
  EXPECT_EQ(walk(root).value(), (std::vector{root, x, inner, y}));
  EXPECT_EQ(walk(root, {.scope = DagScope::Entity}).value(), std::vector{root});
}

TEST_F(DagWalkTest, AMissingBlockEndsTheWalkWithItsError) {
  const auto file = node({leaf("a"), leaf("b"), leaf("c")});
  blocks_.remove(Cid::of(Codec::Raw, std::as_bytes(std::span(std::string_view("b")))));
  DagWalk walk(blocks_, file.cid, {});
  EXPECT_TRUE(*walk.next());
  EXPECT_TRUE(*walk.next());
  EXPECT_EQ(walk.next().error().category, ErrorCategory::NotFound);
}

}  // namespace
}  // namespace webpool::cid

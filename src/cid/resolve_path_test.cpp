#include "cid/resolve_path.h"

#include <gtest/gtest.h>

#include "cid/hamt.h"
#include "cid/ipld.h"
#include "cid/testing/memory_blocks.h"

namespace webpool::cid {
namespace {

using testing::MemoryBlocks;

class ResolvePathTest : public ::testing::Test {
 protected:
  Link file(const std::string& name, const std::string& content) {
    return {blocks_.put(Codec::Raw, content), name, content.size()};
  }

  Link folder(const std::string& name, std::vector<Link> entries,
              std::size_t threshold = kMaxDirectoryBlock) {
    const auto tree = buildFolder(std::move(entries), threshold).value();
    for (const auto& node : tree.nodes) blocks_.put(node.cid, node.block);
    return {tree.root, name, tree.dagSize};
  }

  ErrorCategory failure(const Cid& root, std::string_view path) {
    const auto resolved = resolvePath(blocks_, root, path);
    return resolved ? ErrorCategory::Internal : resolved.error().category;
  }

  MemoryBlocks blocks_;
};

TEST_F(ResolvePathTest, ThroughFolders) {
  const auto b = file("b", "content");
  const auto a = folder("a", {b, file("ß %2F", "odd")});
  const auto root = folder("", {a}).cid;
  const auto resolved = resolvePath(blocks_, root, "a/b").value();
  EXPECT_EQ(resolved.cid, b.cid);
  EXPECT_EQ(resolved.roots, (std::vector{root, a.cid, b.cid}));
  EXPECT_EQ(resolved.way, (std::vector{root, a.cid}));
  EXPECT_TRUE(resolved.rest.empty());
  EXPECT_EQ(resolvePath(blocks_, root, "//a//b/").value().cid, b.cid);
  EXPECT_EQ(resolvePath(blocks_, root, "a/ß %2F").value().cid,
            Cid::of(Codec::Raw, std::as_bytes(std::span(std::string_view("odd")))));
  // The root of an empty path is not read: the one who asks reads it.
  blocks_.asked.clear();
  EXPECT_EQ(resolvePath(blocks_, root, "").value().cid, root);
  EXPECT_TRUE(blocks_.asked.empty());
}

TEST_F(ResolvePathTest, ThroughShardsTheWayNamesThem) {
  std::vector<Link> entries;
  for (int i = 0; i < 2000; ++i) entries.push_back(file(std::to_string(i), std::to_string(i)));
  const auto root = folder("", entries, 0).cid;
  const auto resolved = resolvePath(blocks_, root, "1234").value();
  EXPECT_EQ(resolved.cid, entries[1234].cid);
  EXPECT_EQ(resolved.roots.size(), 2u);
  ASSERT_GE(resolved.way.size(), 2u);  // the root and a shard
  EXPECT_EQ(resolved.way[0], root);
  blocks_.remove(resolved.way.back());
  EXPECT_EQ(failure(root, "1234"), ErrorCategory::NotFound);
}

TEST_F(ResolvePathTest, ThroughNamedLinksOfForeignDagPb) {
  const auto leaf = file("leaf", "x");
  const auto root = blocks_.put(Codec::DagPb, encodeNode({{leaf}, "\xff no UnixFS"}));
  EXPECT_EQ(resolvePath(blocks_, root, "leaf").value().cid, leaf.cid);
  const auto bare = blocks_.put(Codec::DagPb, encodeNode({{leaf}, std::nullopt}));
  EXPECT_EQ(resolvePath(blocks_, bare, "leaf").value().cid, leaf.cid);
  EXPECT_EQ(failure(bare, "none"), ErrorCategory::NotFound);
}

TEST_F(ResolvePathTest, ThroughValuesAndTheirLinks) {
  const auto target = file("", "target");
  const Ipld inner{IpldMap{{"list", {IpldList{{std::int64_t{7}}, {target.cid}}}}}};
  for (const auto codec : {Codec::DagCbor, Codec::DagJson}) {
    const auto encode = codec == Codec::DagCbor ? encodeDagCbor : encodeDagJson;
    const auto middle = blocks_.put(codec, encode(inner));
    const auto root = blocks_.put(codec, encode({IpldMap{{"a", {IpldMap{{"b", {middle}}}}}}}));
    const auto resolved = resolvePath(blocks_, root, "a/b/list/1").value();
    EXPECT_EQ(resolved.cid, target.cid);
    EXPECT_EQ(resolved.way, (std::vector{root, middle}));
    const auto rest = resolvePath(blocks_, root, "a/b/list/0").value();
    EXPECT_EQ(rest.cid, middle);
    EXPECT_EQ(rest.rest, (std::vector<std::string>{"list", "0"}));
    EXPECT_EQ(resolvePath(blocks_, root, "a").value().rest, std::vector<std::string>{"a"});
    EXPECT_EQ(failure(root, "a/none"), ErrorCategory::NotFound);
    EXPECT_EQ(failure(root, "a/b/list/2"), ErrorCategory::NotFound);
    EXPECT_EQ(failure(root, "a/b/list/1/x"), ErrorCategory::NotFound);  // below a raw block
  }
}

TEST_F(ResolvePathTest, NamesLeadNowhereElse) {
  const auto root = folder("", {folder("a", {file("b", "x")})}).cid;
  for (const auto* path : {"..", "a/..", "../a", ".", "a/b/c", "A", "a/b/.."}) {
    EXPECT_EQ(failure(root, path), ErrorCategory::NotFound) << path;
  }
}

TEST_F(ResolvePathTest, IdentityBlocksAreNotAskedFor) {
  const Cid inline_(Codec::Raw, Multihash{HashFunction::Identity, "hello"});
  const auto root = folder("", {{inline_, "hi", 5}}).cid;
  blocks_.asked.clear();
  EXPECT_EQ(resolvePath(blocks_, root, "hi").value().cid, inline_);
  EXPECT_EQ(readBlock(blocks_, inline_).value().text(), "hello");
  EXPECT_EQ(blocks_.asked, std::vector{root});
}

TEST_F(ResolvePathTest, RefusesBlocksThatAreTooLarge) {
  const auto large = blocks_.put(Codec::Raw, std::string(kMaxBlock + 1, 'x'));
  EXPECT_EQ(readBlock(blocks_, large).error().category, ErrorCategory::Protocol);
}

TEST_F(ResolvePathTest, AFileIsNoFolder) {
  const auto root = file("", "x").cid;
  EXPECT_EQ(listFolder(blocks_, root).error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(findEntry(blocks_, root, "a").error().category, ErrorCategory::NotFound);
}

}  // namespace
}  // namespace webpool::cid

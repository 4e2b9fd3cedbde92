// What the importer writes where a folder is large, and what it never writes and is read all the
// same: other chunks, other trees, version 0, dag-cbor and dag-json above files.
#include <gmock/gmock.h>

#include <fmt/format.h>

#include "cid/hamt.h"
#include "cid/ipld.h"
#include "cid/unixfs.h"
#include "store/block_session.h"
#include "store/import_plan.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class LayoutTest : public StoreTest {
 protected:
  /// Enough long names that their folder's block passes 256 KiB.
  fs::path largeFolder(std::size_t entries = 1500) {
    for (std::size_t i = 0; i < entries; ++i) {
      file(fmt::format("large/{:0>180}", i), std::to_string(i));
    }
    file("large/sub/x", "x");
    return folder_ / "large";
  }

  cid::Cid put(BlockSession& session, cid::Codec codec, std::string_view block) {
    const auto cid = cid::Cid::of(codec, asBytes(block));
    const auto done = session.put(cid, asBytes(block));
    EXPECT_TRUE(done) << done.error().describe();
    return cid;
  }

  /// A node of a file: `data` before what lies in the parts.
  cid::FilePart putNode(BlockSession& session, std::string data,
                        const std::vector<cid::FilePart>& parts) {
    cid::Node node;
    cid::UnixFsData about;
    about.fileSize = data.size();
    for (const auto& part : parts) {
      node.links.push_back({part.cid, "", part.size});
      about.blockSizes.push_back(part.size);
      *about.fileSize += part.size;
    }
    if (!data.empty()) about.data = std::move(data);
    node.data = cid::encodeUnixFs(about);
    return {put(session, cid::Codec::DagPb, cid::encodeNode(node)), *about.fileSize};
  }

  std::string bytesOf(const cid::Cid& cid) const {
    const auto resolved = store_->resolve(cid);
    if (!resolved) return resolved.error().describe();
    return textOf(std::get<ResolvedFile>(*resolved).content);
  }
  std::string readOf(const cid::Cid& cid) const {
    std::string got;
    const auto read = store_->read(cid, [&](std::span<const std::byte> piece) -> Result<void> {
      got.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      return {};
    });
    return read ? got : read.error().describe();
  }
};

TEST_F(LayoutTest, ALargeFolderBecomesShards) {
  const auto source = largeFolder();
  const auto plan = planImport(source);
  const auto imported = store_->importPath(source);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(imported->files, 1501u);
  EXPECT_EQ(plan->imported.root, imported->root);
  const auto root = readContent(store_->block(imported->root)->content).value();
  EXPECT_TRUE(std::holds_alternative<cid::ShardNode>(cid::readUnixFsEntity(root.view()).value()));
  EXPECT_LT(root.size(), cid::kMaxDirectoryBlock);

  const auto entries = store_->list(imported->root).value();
  ASSERT_EQ(entries.size(), 1501u);
  EXPECT_TRUE(std::ranges::is_sorted(entries, {}, &ContentEntry::name));
  EXPECT_EQ(entries[7].name, fmt::format("{:0>180}", 7));
  EXPECT_EQ(entries.back().kind, ContentKind::Folder);
  const auto about = store_->describe(imported->root).value();
  EXPECT_EQ(about.kind, ContentKind::Folder);
  EXPECT_EQ(about.files, 1501u);
  EXPECT_EQ(about.bytes, imported->bytes);
  EXPECT_EQ(store_->listFiles(imported->root)->size(), 1501u);

  EXPECT_EQ(store_->resolveCid(imported->root, "sub/x").value(),
            cid::Cid::of(cid::Codec::Raw, asBytes("x")));
  EXPECT_EQ(bytesOf(store_->resolveCid(imported->root, fmt::format("{:0>180}", 1234)).value()),
            "1234");
  EXPECT_EQ(store_->resolveCid(imported->root, "none").error().category, ErrorCategory::NotFound);
  const auto resolved = store_->resolve(imported->root).value();
  EXPECT_EQ(std::get<ResolvedDirectory>(resolved).entries.size(), 1501u);
}

TEST_F(LayoutTest, ALargeFolderComesBackAndGoesAsAWhole) {
  const auto root = store_->importPath(largeFolder())->root;
  EXPECT_TRUE(store_->verify(root));
  ASSERT_TRUE(store_->addPin({"pin", "again", "", root, 0, ""}));
  EXPECT_EQ(store_->collect()->nodes, 0u);
  EXPECT_TRUE(store_->verify(root));
  const auto written = store_->exportPath(root, folder_ / "copy");
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(written->files, 1501u);
  EXPECT_EQ(store_->importPath(folder_ / "copy")->root, root);
  for (const auto& pin : store_->pins().value()) ASSERT_TRUE(store_->unpin(pin));
  const auto collected = store_->collect().value();
  EXPECT_EQ(collected.files, 1501u);
  EXPECT_GT(collected.nodes, 256u);  // the shards
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(LayoutTest, ForeignFilesResolve) {
  auto session = store_->beginBlocks().value();
  const auto contents = pattern(3'000'000);
  // Leaves in dag-pb, and a tree of two heights.
  std::vector<cid::FilePart> leaves;
  for (std::size_t at = 0; at < contents.size(); at += 262'144) {
    leaves.push_back(putNode(*session, contents.substr(at, 262'144), {}));
  }
  const auto tail = putNode(*session, "", {leaves.begin() + 3, leaves.end()});
  const auto balanced = putNode(*session, "", {leaves[0], leaves[1], leaves[2], tail});
  // Trickle: content in the inner nodes, too.
  const auto raw = contents.substr(2000, 70'000);
  const cid::FilePart leaf{put(*session, cid::Codec::Raw, raw), raw.size()};
  const auto inner = putNode(*session, contents.substr(1000, 1000), {leaf});
  const auto trickle = putNode(*session, contents.substr(0, 1000), {inner});
  ASSERT_TRUE(session->flush());

  EXPECT_EQ(readOf(balanced.cid), contents);
  EXPECT_EQ(bytesOf(balanced.cid), contents);
  const auto resolved = store_->resolve(balanced.cid).value();
  EXPECT_TRUE(std::holds_alternative<StoredRegion>(std::get<ResolvedFile>(resolved).content));
  EXPECT_EQ(mapContent(std::get<ResolvedFile>(resolved).content)->text(), contents);
  EXPECT_EQ(store_->onePiece(balanced.cid).value(), std::nullopt);
  EXPECT_EQ(readOf(trickle.cid), contents.substr(0, 72'000));
  EXPECT_EQ(bytesOf(trickle.cid), contents.substr(0, 72'000));
  EXPECT_EQ(textOf(store_->onePiece(leaves[1].cid)->value()), contents.substr(262'144, 262'144));
  EXPECT_TRUE(store_->verify(balanced.cid));
  // By its name of version 0.
  std::string hash;
  balanced.cid.hash().appendTo(hash);
  const auto old = cid::Cid::fromBytes(asBytes(hash)).value();
  ASSERT_EQ(old.version(), 0u);
  EXPECT_EQ(bytesOf(old), contents);
  // Nothing of what was put together has a name.
  EXPECT_EQ(std::distance(fs::recursive_directory_iterator(storeFolder() / "tmp"),
                          fs::recursive_directory_iterator()),
            3);  // .lock, the session's folder and its lock
}

TEST_F(LayoutTest, AForeignFileWithAHoleInItsBlocksIsNotFound) {
  auto session = store_->beginBlocks().value();
  const auto contents = pattern(2'000'000);
  const cid::FilePart here{put(*session, cid::Codec::Raw, contents.substr(0, 1'000'000)),
                           1'000'000};
  const cid::FilePart missing{cid::Cid::of(cid::Codec::Raw, asBytes(contents.substr(1'000'000))),
                              1'000'000};
  const auto root = putNode(*session, "", {here, missing}).cid;
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::NotFound);
  const auto verified = store_->verify(root);
  EXPECT_EQ(verified.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(verified.error().message, HasSubstr(missing.cid.text()));
  // And one whose parts have other sizes than it says.
  const auto lie = putNode(*session, "", {{here.cid, 5}}).cid;
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(store_->resolve(lie).error().category, ErrorCategory::Protocol);
}

class LinkedDataTest : public LayoutTest {
 protected:
  /// dag-cbor -> dag-json -> a folder with a file in blocks; beside it a block without links.
  void SetUp() override {
    LayoutTest::SetUp();
    session_ = store_->beginBlocks().value();
    leaf_ = put(*session_, cid::Codec::Raw, "leaf");
    const auto file = putNode(*session_, "", {{leaf_, 4}});
    const auto folder = cid::buildFolder({{file.cid, "name", 4}}).value();
    folder_cid_ = put(*session_, cid::Codec::DagPb, folder.nodes[0].block);
    const auto json = cid::encodeDagJson({cid::IpldList{{folder_cid_}}});
    json_ = put(*session_, cid::Codec::DagJson, json);
    plain_ = put(*session_, cid::Codec::Json, "{}");
    const auto cbor =
        cid::encodeDagCbor({cid::IpldMap{{"data", {json_}}, {"plain", {plain_}}, {"n", {"x"}}}});
    root_ = put(*session_, cid::Codec::DagCbor, cbor);
  }
  void TearDown() override {
    session_.reset();
    LayoutTest::TearDown();
  }
  std::unique_ptr<BlockSession> session_;
  cid::Cid leaf_, folder_cid_, json_, plain_, root_;
};

TEST_F(LinkedDataTest, ThePinOfADocumentKeepsAllThatItLinksTo) {
  const auto committed = session_->commit({"pin", "document", "", root_, 0, ""});
  ASSERT_TRUE(committed) << committed.error().describe();
  session_.reset();
  EXPECT_EQ(store_->collect()->blocks, 0u);
  const auto verified = store_->verify(root_);
  EXPECT_TRUE(verified) << verified.error().describe();
  EXPECT_EQ(readOf(leaf_), "leaf");
  EXPECT_EQ(store_->resolveCid(root_, "data/0/name").value().codec(), cid::Codec::DagPb);
  EXPECT_EQ(bytesOf(store_->resolveCid(root_, "data/0/name").value()), "leaf");
  const auto inside = store_->resolveCid(root_, "n");
  EXPECT_EQ(inside.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(inside.error().message, HasSubstr("inside the block"));
  EXPECT_EQ(store_->describe(root_)->kind, ContentKind::Block);
  EXPECT_EQ(store_->list(root_)->at(0).kind, ContentKind::Block);
  ASSERT_TRUE(store_->unpin({"pin", "document", "", root_, 0, ""}));
  EXPECT_EQ(store_->collect()->blocks, 6u);
}

TEST_F(LinkedDataTest, WhatIsMissingBelowADocumentIsNamed) {
  ASSERT_TRUE(session_->flush());
  const auto absent = cid::Cid::of(cid::Codec::Raw, asBytes("absent"));
  const auto more = cid::encodeDagCbor({cid::IpldList{{root_}, {absent}}});
  const auto above = put(*session_, cid::Codec::DagCbor, more);
  const auto committed = session_->commit({"pin", "above", "", above, 0, ""});
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(committed.error().message, HasSubstr(absent.text()));
  const auto verified = store_->verify(above);
  EXPECT_EQ(verified.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(verified.error().message, HasSubstr(absent.text()));
}

TEST_F(LayoutTest, AFolderWithoutEndIsRefused) {
  // 2^40 paths in forty blocks.
  auto session = store_->beginBlocks().value();
  auto folder = cid::buildFolder({}).value();
  for (int i = 0; i < 40; ++i) {
    put(*session, cid::Codec::DagPb, folder.nodes[0].block);
    folder = cid::buildFolder({{folder.root, "a", 1}, {folder.root, "b", 1}}).value();
  }
  const auto root = put(*session, cid::Codec::DagPb, folder.nodes[0].block);
  ASSERT_TRUE(session->commit({"pin", "endless", "", root, 0, ""}));
  EXPECT_EQ(store_->describe(root).error().category, ErrorCategory::Unsupported);
  EXPECT_EQ(store_->exportPath(root, folder_ / "out").error().category, ErrorCategory::Unsupported);
  EXPECT_TRUE(store_->verify(root));  // each block once
  EXPECT_TRUE(store_->collect());
}

}  // namespace
}  // namespace webpool::store

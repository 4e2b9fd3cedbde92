#include <gmock/gmock.h>

#include <thread>

#include "cid/tree.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

constexpr std::size_t kMiB = 1u << 20;

class ResolveTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    weights_ = pattern(2 * kMiB + 77);
    file("m/config.json", "{}");
    file("m/onnx/model.onnx", weights_);
    root_ = store_->importPath(folder_ / "m").value().root;
  }
  const ResolvedFile resolveFile(const cid::Cid& root, std::string_view path) {
    auto resolved = store_->resolve(root, path);
    EXPECT_TRUE(resolved) << resolved.error().describe();
    return std::get<ResolvedFile>(*resolved);
  }
  std::string weights_;
  cid::Cid root_;
};

TEST_F(ResolveTest, FileByPathIsARegionOfTheStoredFile) {
  const auto resolved = resolveFile(root_, "onnx/model.onnx");
  EXPECT_EQ(contentSize(resolved.content), weights_.size());
  EXPECT_EQ(std::get<StoredRegion>(resolved.content).offset, 0u);
  EXPECT_EQ(textOf(resolved.content), weights_);
  EXPECT_EQ(textOf(resolveFile(root_, "/onnx//model.onnx/").content), weights_);
  EXPECT_EQ(textOf(resolveFile(resolved.cid, "").content), weights_);
}

TEST_F(ResolveTest, DirectoryLists) {
  const auto resolved = store_->resolve(root_);
  const auto& directory = std::get<ResolvedDirectory>(resolved.value());
  ASSERT_EQ(directory.entries.size(), 2u);
  EXPECT_EQ(directory.entries[0].name, "config.json");
  EXPECT_EQ(directory.entries[1].name, "onnx");
  EXPECT_GT(directory.entries[1].dagSize, weights_.size());
}

TEST_F(ResolveTest, LeavesAndNodesAreBlocks) {
  const auto file = store_->resolveCid(root_, "onnx/model.onnx").value();
  const auto node = store_->block(file).value();
  EXPECT_TRUE(file.matches(readContent(node.content).value().view()));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto leaf = weights_.substr(i * kMiB, kMiB);
    const auto cid = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(leaf)));
    const auto block = store_->block(cid).value();
    EXPECT_EQ(std::get<StoredRegion>(block.content).offset, i * kMiB);
    EXPECT_EQ(textOf(block.content), leaf);
    EXPECT_EQ(textOf(resolveFile(cid, "").content), leaf);
  }
}

TEST_F(ResolveTest, MapsWhatItReads) {
  const auto whole = resolveFile(root_, "onnx/model.onnx");
  const auto mapped = mapContent(whole.content);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->text(), weights_);
  auto part = std::get<StoredRegion>(whole.content);
  part.offset = 4097;  // on no page's border
  part.length = 1000;
  EXPECT_EQ(mapContent(part).value().text(), weights_.substr(4097, 1000));
  part.length = weights_.size();  // reaches behind the end
  EXPECT_EQ(mapContent(part).error().category, ErrorCategory::Integrity);
  part.offset = part.length = 0;
  EXPECT_TRUE(mapContent(part).value().empty());
  EXPECT_EQ(mapContent(Bytes::copyOf("x")).value().text(), "x");
}

TEST_F(ResolveTest, PartOfALargeFileIsARegion) {
  const auto path = file("sparse", "");
  std::filesystem::resize_file(path, 1025 * kMiB);
  const auto root = store_->importPath(path).value().root;
  const auto tree = cid::buildFileTree(
      std::vector<cid::Digest>(1025, cid::sha256(std::vector<std::byte>(kMiB))), 1025 * kMiB);
  EXPECT_EQ(tree->root, root);
  const auto part = resolveFile(tree->nodes[1].cid, "");
  EXPECT_EQ(std::get<StoredRegion>(part.content).offset, 1024 * kMiB);
  EXPECT_EQ(contentSize(part.content), kMiB);
}

TEST_F(ResolveTest, IdentityCidsNeedNoStore) {
  const auto empty = cid::Cid::parse("bafkqaaa").value();
  EXPECT_EQ(textOf(resolveFile(empty, "").content), "");
  EXPECT_EQ(contentSize(store_->block(empty).value().content), 0u);
  const cid::Cid abc(cid::Codec::Raw, {cid::HashFunction::Identity, "abc"});
  EXPECT_EQ(textOf(resolveFile(abc, "").content), "abc");
  const cid::Cid folder(cid::Codec::DagPb, {cid::HashFunction::Identity, "\x0a\x02\x08\x01"});
  EXPECT_TRUE(std::holds_alternative<ResolvedDirectory>(store_->resolve(folder).value()));
  const cid::Cid hostile(cid::Codec::DagPb, {cid::HashFunction::Identity, "\x12\x7f"});
  EXPECT_EQ(store_->resolve(hostile).error().category, ErrorCategory::Protocol);
}

TEST_F(ResolveTest, Version0FindsTheSameNode) {
  const auto file = store_->resolveCid(root_, "onnx/model.onnx").value();
  const auto binary = file.hash();
  std::string bytes;
  binary.appendTo(bytes);
  const auto old = cid::Cid::fromBytes(std::as_bytes(std::span(bytes))).value();
  ASSERT_EQ(old.version(), 0u);
  EXPECT_EQ(textOf(resolveFile(old, "").content), weights_);
}

TEST_F(ResolveTest, WhatIsNotThereIsNotFound) {
  const auto foreign = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span("none", 4)));
  const cid::Cid foreignNode(cid::Codec::DagPb, foreign.hash());
  EXPECT_EQ(store_->resolve(foreign).error().category, ErrorCategory::NotFound);
  EXPECT_EQ(store_->resolve(foreignNode).error().category, ErrorCategory::NotFound);
  EXPECT_EQ(store_->block(foreign).error().category, ErrorCategory::NotFound);
  EXPECT_EQ(store_->block(foreignNode).error().category, ErrorCategory::NotFound);
  for (const auto* path : {"none", "config.json/x", "onnx/../config.json", "onnx/model.onnx/0"}) {
    const auto resolved = store_->resolve(root_, path);
    ASSERT_FALSE(resolved) << path;
    EXPECT_EQ(resolved.error().category, ErrorCategory::NotFound) << path;
  }
}

TEST_F(ResolveTest, OpenContentSurvivesRemoval) {
  const auto resolved = resolveFile(root_, "onnx/model.onnx");
  ASSERT_TRUE(store_->remove(root_));
  EXPECT_TRUE(storedFiles().empty());
  EXPECT_EQ(textOf(resolved.content), weights_);
  EXPECT_EQ(store_->resolve(root_).error().category, ErrorCategory::NotFound);
}

TEST_F(ResolveTest, RemovalKeepsWhatAnotherRootNeeds) {
  file("n/copy.onnx", weights_);
  const auto other = store_->importPath(folder_ / "n").value().root;
  ASSERT_TRUE(store_->remove(root_));
  EXPECT_EQ(textOf(resolveFile(other, "copy.onnx").content), weights_);
  EXPECT_TRUE(store_->verify(other));
  EXPECT_EQ(storedFiles().size(), 1u);
  EXPECT_EQ(store_->remove(root_).error().category, ErrorCategory::NotFound);
}

TEST_F(ResolveTest, ALeafSharedByTwoFilesSurvivesOneOfThem) {
  // The first leaf of the weights is a file of its own, too.
  const auto small = store_->importPath(file("small", weights_.substr(0, kMiB))).value().root;
  ASSERT_TRUE(store_->remove(root_));
  EXPECT_EQ(textOf(resolveFile(small, "").content), weights_.substr(0, kMiB));
  EXPECT_EQ(storedFiles().size(), 1u);
}

TEST_F(ResolveTest, ManyThreadsResolveWhileOneImports) {
  std::atomic<bool> stop = false;
  std::atomic<int> resolved = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto found = store_->resolve(root_, "onnx/model.onnx");
        ASSERT_TRUE(found) << found.error().describe();
        ++resolved;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(store_->importPath(file(std::to_string(i), pattern(kMiB + i))));
  }
  while (resolved < 10) std::this_thread::yield();
  stop = true;
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace webpool::store

// What the tests of fetching share: another store to fetch from, and its blocks in memory. For
// tests only.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cid/dag_walk.h"
#include "net/http_client.h"
#include "sources/content_fetch.h"
#include "sources/testing/odd_server.h"
#include "store/testing/test_store.h"

namespace webpool::sources {

class StoreBlocks final : public cid::Blocks {
 public:
  explicit StoreBlocks(const store::ContentStore& store) : store_(store) {}
  Result<Bytes> get(const cid::Cid& cid) override {
    const auto block = store_.block(cid);
    if (!block) return std::unexpected(block.error());
    return store::readContent(block->content);
  }

 private:
  const store::ContentStore& store_;
};

class FetchTest : public store::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    auto theirs = store::ContentStore::open(folder_ / "theirs", base::systemRandom());
    ASSERT_TRUE(theirs) << theirs.error().describe();
    theirs_ = std::move(*theirs);
  }

  /// Keeps the path in the other store; its blocks are served from then on.
  cid::Cid publish(const std::filesystem::path& path) {
    const auto imported =
        theirs_->importPath(path, {}, {.links = store::ImportOptions::Links::Keep});
    EXPECT_TRUE(imported) << (imported ? "" : imported.error().describe());
    StoreBlocks from(*theirs_);
    cid::DagWalk walk(from, imported->root, {});
    while (true) {
      auto step = walk.next();
      EXPECT_TRUE(step) << (step ? "" : step.error().describe());
      if (!step || !*step) break;
      blocks_[(*step)->cid.normalized()] = std::string((*step)->block.text());
    }
    return imported->root;
  }

  cid::Cid publishFile(std::size_t size, const std::string& name = "file") {
    return publish(file(name, store::pattern(size)));
  }

  cid::Cid add(cid::Codec codec, const std::string& block) {
    const auto cid = cid::Cid::of(codec, std::as_bytes(std::span(block)));
    blocks_[cid] = block;
    return cid;
  }

  /// With waits that a test can bear, and no Kubo of this machine.
  ContentFetchOptions options(std::vector<std::string> gateways) const {
    ContentFetchOptions options{.settings = {.gateways = std::move(gateways), .kubo = ""},
                                .data = folder_ / "data"};
    options.blocks.stripes.firstWait = std::chrono::milliseconds(20);
    options.blocks.stripes.longestWait = std::chrono::milliseconds(100);
    options.blocks.stall = std::chrono::seconds(2);
    return options;
  }

  Result<Fetched> fetch(const cid::Cid& root, ContentFetchOptions how,
                        const store::JobOptions& job = {}) {
    auto fetch = ContentFetch::begin(*store_, http_, std::move(how));
    if (!fetch) return std::unexpected(fetch.error());
    auto fetched = (*fetch)->fetch(root, {"pin", root.text(), "", {}, 0, ""}, job);
    sources_ = (*fetch)->sources();
    return fetched;
  }
  Result<Fetched> fetch(const cid::Cid& root, std::vector<std::string> gateways) {
    return fetch(root, options(std::move(gateways)));
  }

  std::uint64_t bytesOf(const std::string& source) const {
    for (const auto& one : sources_) {
      if (one.source == source) return one.bytes;
    }
    return 0;
  }
  bool lied(const std::string& source) const {
    return std::ranges::any_of(
        sources_, [&](const BytesOf& one) { return one.source == source && one.lied; });
  }

  /// That all of it is here and right.
  void expectWhole(const cid::Cid& root) {
    const auto right = store_->verify(root);
    EXPECT_TRUE(right) << (right ? "" : right.error().describe());
    EXPECT_TRUE(store_->scrub()->damaged.empty());
  }

  /// The same by its blocks alone.
  void expectAllBlocks(const cid::Cid& root) {
    StoreBlocks from(*store_);
    cid::DagWalk walk(from, root, {});
    while (true) {
      auto step = walk.next();
      ASSERT_TRUE(step) << step.error().describe();
      if (!*step) break;
      EXPECT_TRUE((*step)->cid.matches((*step)->block.view()));
    }
    EXPECT_TRUE(store_->scrub()->damaged.empty());
  }

  unsigned wholeFiles() const {
    unsigned count = 0;
    for (const auto& name : storedFiles()) count += name.starts_with("files/") ? 1 : 0;
    return count;
  }

  void expectNothingKept() {
    EXPECT_EQ(wholeFiles(), 0u);
    EXPECT_TRUE(store_->pins()->empty());
  }

  std::unique_ptr<store::ContentStore> theirs_;
  BlockMap blocks_;
  net::HttpClient http_;
  std::vector<BytesOf> sources_;
};

}  // namespace webpool::sources

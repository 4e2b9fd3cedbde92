// Folders one entry after another, and their pages while they are read.
#include "api/gateway/folder_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gateway/testing/memory_source.h"
#include "cid/unixfs.h"

namespace webpool::api::gateway {
namespace {

using ::testing::HasSubstr;
using testing::MemorySource;
using ::testing::Not;
using testing::readBody;
using testing::request;

/// Counts what is read.
class CountingSource : public MemorySource {
 public:
  Result<Bytes> get(const cid::Cid& cid) override {
    ++reads;
    return MemorySource::get(cid);
  }
  std::size_t reads = 0;
};

class FolderPageTest : public ::testing::Test {
 protected:
  std::vector<cid::Link> files(std::size_t count) {
    std::vector<cid::Link> entries;
    for (std::size_t i = 0; i < count; ++i) {
      entries.push_back(source_.file("file-" + std::to_string(i), "x"));
    }
    return entries;
  }
  cid::Cid folder(std::size_t count, std::size_t threshold = cid::kMaxDirectoryBlock) {
    return source_.folder("", files(count), threshold).cid;
  }
  cid::Cid shard(std::vector<cid::Link> places) {
    cid::UnixFsData data{.type = cid::UnixFsType::HamtShard,
                         .data = std::string(1, '\1'),
                         .fileSize = {},
                         .blockSizes = {},
                         .hashType = 0x22,
                         .fanout = 256};
    return source_.put(cid::Codec::DagPb,
                       cid::encodeNode({std::move(places), cid::encodeUnixFs(data)}));
  }
  Result<std::vector<std::string>> names(const cid::Cid& folder) {
    FolderEntries entries(source_, folder);
    std::vector<std::string> names;
    while (true) {
      auto entry = entries.next();
      if (!entry) return std::unexpected(entry.error());
      if (!*entry) return names;
      names.push_back((*entry)->name);
    }
  }

  CountingSource source_;
};

TEST_F(FolderPageTest, EntriesAreThoseOfTheWholeList) {
  for (const auto threshold : {cid::kMaxDirectoryBlock, std::size_t{0}}) {
    const auto cid = folder(700, threshold);
    const auto listed = cid::listFolder(source_, cid).value();
    std::vector<std::string> expected;
    for (const auto& link : listed) expected.push_back(link.name);
    EXPECT_EQ(names(cid).value(), expected);
    EXPECT_EQ(expected.size(), 700u);
  }
  EXPECT_EQ(names(folder(0)).value().size(), 0u);
  EXPECT_EQ(names(source_.file("", "x").cid).error().category, ErrorCategory::Protocol);
}

TEST_F(FolderPageTest, ShardsThatNeverEndAreRefused) {
  // Each holds the next one, and no entry.
  auto deep = shard({source_.file("00a", "x")});
  for (int i = 0; i < 100; ++i) deep = shard({{deep, "00", 1}});
  const auto refused = names(deep);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Protocol);
  // One level below the other, each with both of its places the same shard: 2^40 of them.
  auto wide = shard({});
  for (int i = 0; i < 40; ++i) wide = shard({{wide, "00", 1}, {wide, "01", 1}});
  EXPECT_FALSE(names(wide));
}

TEST_F(FolderPageTest, ALargePageIsMadeWhileItIsRead) {
  constexpr std::size_t kCount = 20'000;
  const auto cid = folder(kCount);
  const auto blocks = source_.size();
  source_.reads = 0;
  auto got = answer(source_, request("/ipfs/" + cid.text() + "/"));
  EXPECT_EQ(got.response.status, 200);
  ASSERT_TRUE(got.body) << "it is not in memory";
  EXPECT_FALSE(got.bodySize);
  EXPECT_TRUE(std::get<std::string>(got.response.body).empty());
  const auto shards = blocks - 1;  // all files are one block
  EXPECT_LT(source_.reads, shards / 10) << "what is not read yet was not looked at";
  std::size_t largest = 0;
  std::string page;
  while (true) {
    auto piece = got.body->next();
    ASSERT_TRUE(piece) << piece.error().message;
    if (!*piece) break;
    largest = std::max(largest, (*piece)->text.size());
    page += (*piece)->text;
  }
  EXPECT_LT(largest, 128u << 10);
  EXPECT_THAT(page, HasSubstr("</html>"));
  EXPECT_THAT(page, Not(HasSubstr("there are more")));
  for (const std::size_t i : {std::size_t{0}, kCount / 2, kCount - 1}) {
    EXPECT_THAT(page, HasSubstr(">file-" + std::to_string(i) + "</a>"));
  }
  // A small one is there at once, with its length.
  auto small = answer(source_, request("/ipfs/" + folder(10).text() + "/"));
  EXPECT_FALSE(small.body);
  EXPECT_THAT(readBody(small).value(), HasSubstr(">file-9</a>"));
}

TEST_F(FolderPageTest, WhatIsMissingLaterEndsThePageTooEarly) {
  const auto cid = folder(20'000);
  const auto root = cid::readUnixFsEntity(source_.get(cid).value().view()).value();
  const auto& places = std::get<cid::ShardNode>(root).places;
  source_.remove(places.back().cid);
  auto late = answer(source_, request("/ipfs/" + cid.text() + "/"));
  EXPECT_EQ(late.response.status, 200);
  EXPECT_EQ(readBody(late).error().category, ErrorCategory::NotFound);
  // What is missed before the answer begins is its status.
  source_.remove(places.front().cid);
  EXPECT_EQ(answer(source_, request("/ipfs/" + cid.text() + "/")).response.status, 404);
}

TEST_F(FolderPageTest, ThePageSaysThatThereIsMore) {
  const auto cid = folder(30, 0);
  FolderPage page(source_, FolderPageText(cid, "", cid), cid, 20);
  ASSERT_TRUE(page.begin());
  const auto text = page.whole().value();
  EXPECT_THAT(text, HasSubstr("first 20 entries"));
  std::size_t rows = 0;
  for (auto at = text.find("<tr>"); at != std::string::npos; at = text.find("<tr>", at + 1)) ++rows;
  EXPECT_EQ(rows, 20u);
  FolderPage all(source_, FolderPageText(cid, "", cid), cid, 30);
  ASSERT_TRUE(all.begin());
  EXPECT_THAT(all.whole().value(), Not(HasSubstr("there are more")));
}

}  // namespace
}  // namespace webpool::api::gateway

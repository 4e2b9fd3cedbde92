#include "cid/car.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gateway/testing/memory_source.h"
#include "cid/ipld.h"

namespace webpool::api::gateway {
namespace {

using ::testing::HasSubstr;
using testing::MemorySource;
using testing::readBody;
using testing::request;

class GatewayCarTest : public ::testing::Test {
 protected:
  Answer ask(const cid::Cid& cid, const std::string& path, const std::string& query,
             const std::string& accept = "", const std::string& method = "GET") {
    return answer(source_, request("/ipfs/" + cid.text() + path, "format=car" + query,
                                   {{"Accept", accept}}, method));
  }

  static std::vector<cid::Cid> blocksIn(const std::string& car) {
    cid::CarReader reader;
    reader.push(std::as_bytes(std::span(car)));
    std::vector<cid::Cid> cids;
    while (true) {
      auto block = reader.next();
      EXPECT_TRUE(block);
      if (!block || !*block) break;
      cids.push_back((*block)->cid);
    }
    EXPECT_TRUE(reader.finish());
    return cids;
  }

  std::vector<cid::Cid> blocks(const cid::Cid& cid, const std::string& path,
                               const std::string& query, const std::string& accept = "") {
    auto got = ask(cid, path, query, accept);
    EXPECT_EQ(got.response.status, 200);
    return blocksIn(readBody(got).value());
  }

  MemorySource source_;
  std::vector<cid::Cid> leaves_ = {source_.put(cid::Codec::Raw, "0123"),
                                   source_.put(cid::Codec::Raw, "4567"),
                                   source_.put(cid::Codec::Raw, "89")};
  cid::Link file_ = source_.file("file", std::vector<std::string>{"0123", "4567", "89"});
  cid::Link copy_{file_.cid, "file2", file_.size};
  cid::Link folder_ = source_.folder("folder", {file_, copy_});
  cid::Cid root_ = source_.folder("", {folder_, source_.file("other", "x")}).cid;
};

TEST_F(GatewayCarTest, HoldsTheWayAndWhatLiesBelow) {
  EXPECT_EQ(blocks(root_, "/folder/file", ""),
            (std::vector{root_, folder_.cid, file_.cid, leaves_[0], leaves_[1], leaves_[2]}));
  EXPECT_EQ(blocks(root_, "/folder", "&dag-scope=block"), (std::vector{root_, folder_.cid}));
  EXPECT_EQ(blocks(root_, "/folder", "&dag-scope=entity"), (std::vector{root_, folder_.cid}));
  EXPECT_EQ(blocks(root_, "/folder", "&dag-scope=all").size(), 6u);
}

TEST_F(GatewayCarTest, DuplicatesOnlyWhereTheyAreAskedFor) {
  EXPECT_EQ(blocks(folder_.cid, "", "").size(), 5u);
  EXPECT_EQ(blocks(folder_.cid, "", "&car-dups=y").size(), 9u);
  EXPECT_EQ(blocks(folder_.cid, "", "", "application/vnd.ipld.car; dups=y").size(), 9u);
}

TEST_F(GatewayCarTest, OnlyTheBlocksOfTheAskedBytes) {
  EXPECT_EQ(blocks(file_.cid, "", "&dag-scope=entity&entity-bytes=4:7"),
            (std::vector{file_.cid, leaves_[1]}));
  EXPECT_EQ(blocks(file_.cid, "", "&entity-bytes=-1:*"), (std::vector{file_.cid, leaves_[2]}));
  EXPECT_EQ(blocks(folder_.cid, "", "&entity-bytes=0:*"), std::vector{folder_.cid});
  source_.remove(leaves_[2]);
  EXPECT_EQ(blocks(file_.cid, "", "&entity-bytes=0:7"),
            (std::vector{file_.cid, leaves_[0], leaves_[1]}));
}

TEST_F(GatewayCarTest, Headers) {
  const auto got = ask(root_, "/folder", "");
  const auto& headers = got.response.headers;
  EXPECT_EQ(headers.get("Content-Type"), "application/vnd.ipld.car; version=1; order=dfs; dups=n");
  EXPECT_EQ(ask(root_, "", "&car-dups=y").response.headers.get("Content-Type"),
            "application/vnd.ipld.car; version=1; order=dfs; dups=y");
  EXPECT_EQ(headers.get("Accept-Ranges"), "none");
  EXPECT_EQ(headers.get("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(headers.get("Content-Disposition"),
            "attachment; filename=\"" + folder_.cid.text() + ".car\"");
  EXPECT_FALSE(got.bodySize);
  const std::string etag(headers.get("ETag"));
  EXPECT_THAT(etag, HasSubstr("W/\"" + folder_.cid.text() + ".car."));
  const auto other = ask(root_, "/folder", "&dag-scope=block");
  EXPECT_NE(other.response.headers.get("ETag"), etag);
  auto again =
      request("/ipfs/" + root_.text() + "/folder", "format=car", {{"If-None-Match", etag}});
  EXPECT_EQ(answer(source_, again).response.status, 304);
  // A range of a stream is the whole of it.
  again = request("/ipfs/" + root_.text(), "format=car", {{"Range", "bytes=0-1"}});
  EXPECT_EQ(answer(source_, again).response.status, 200);
}

TEST_F(GatewayCarTest, HeadReadsNothing) {
  const auto got = ask(root_, "", "", "", "HEAD");
  EXPECT_EQ(got.response.status, 200);
  EXPECT_FALSE(got.body);
  const auto* unknown = std::get_if<net::StreamBody>(&got.response.body);
  ASSERT_NE(unknown, nullptr);
  EXPECT_FALSE(unknown->length);
}

TEST_F(GatewayCarTest, AMissingRootIs404AndAMissingChildEndsTheStream) {
  source_.remove(leaves_[1]);
  auto cut = ask(file_.cid, "", "");
  EXPECT_EQ(cut.response.status, 200);
  EXPECT_EQ(readBody(cut).error().category, ErrorCategory::NotFound);
  source_.remove(file_.cid);
  for (const auto* method : {"GET", "HEAD"}) {
    EXPECT_EQ(ask(file_.cid, "", "", "", method).response.status, 404);
    EXPECT_EQ(ask(root_, "/folder/file", "", "", method).response.status, 404);
    EXPECT_EQ(ask(root_, "/folder/none", "", "", method).response.status, 404);
  }
}

TEST_F(GatewayCarTest, IdentityBlocksAreNeverInside) {
  EXPECT_TRUE(blocks(cid::Cid::parse("bafkqabtimvwgy3yk").value(), "", "&car-dups=y").empty());
}

TEST_F(GatewayCarTest, ThroughValues) {
  const auto value =
      source_.put(cid::Codec::DagCbor,
                  cid::encodeDagCbor({cid::IpldMap{{"a", {cid::IpldMap{{"b", {file_.cid}}}}}}}));
  EXPECT_EQ(blocks(value, "/a/b", "&dag-scope=block"), (std::vector{value, file_.cid}));
  EXPECT_EQ(blocks(value, "", "&dag-scope=entity"), std::vector{value});
  EXPECT_EQ(blocks(value, "", "").size(), 5u);
  // The path ends inside the value: the value is what proves it.
  EXPECT_EQ(blocks(value, "/a", ""), std::vector{value});
}

TEST_F(GatewayCarTest, RefusesWhatItCantMake) {
  EXPECT_EQ(ask(root_, "", "&car-version=2").response.status, 400);
  EXPECT_EQ(ask(root_, "", "&dag-scope=some").response.status, 400);
  EXPECT_EQ(ask(root_, "", "&entity-bytes=1").response.status, 400);
}

}  // namespace
}  // namespace webpool::api::gateway

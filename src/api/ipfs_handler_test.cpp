#include "api/ipfs_handler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "api/gateway/gateway.h"
#include "base/random.h"
#include "cid/car.h"

namespace webpool::api {
namespace {

class IpfsHandlerTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/webpool-ipfs-handler-XXXXXX";
    folder_ = mkdtemp(pattern);
    std::filesystem::create_directories(folder_ / "in/sub");
    std::ofstream(folder_ / "in/hello.txt") << "hello world";
    std::string big;
    for (std::size_t i = 0; i < (3 << 20) + 5; ++i) big += static_cast<char>(i * 7 + (i >> 8));
    std::ofstream(folder_ / "in/sub/big file", std::ios::binary) << big;
    big_ = big;
    store_ = store::ContentStore::open(folder_ / "store", base::systemRandom()).value();
    root_ = store_->importPath(folder_ / "in").value().root.text();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  net::Response get(const std::string& path, const std::string& query = "",
                    const std::string& range = "") {
    net::Request request{
        .method = "GET", .path = path, .query = query, .headers = {}, .body = {}, .peer = {}};
    if (!range.empty()) request.headers.set("Range", range);
    return respondWithContent(*store_, request);
  }

  static std::string body(const net::Response& response) {
    if (const auto* text = std::get_if<std::string>(&response.body)) return *text;
    return bytesOf(std::get<net::FileRegion>(response.body));
  }

  static std::string bytesOf(const net::FileRegion& region) {
    std::string bytes(region.length, '\0');
    EXPECT_EQ(
        pread(region.file->get(), bytes.data(), bytes.size(), static_cast<off_t>(region.offset)),
        static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

  std::filesystem::path folder_;
  std::unique_ptr<store::ContentStore> store_;
  std::string root_;
  std::string big_;
};

TEST_F(IpfsHandlerTest, SendsFilesByPathAndByTheirOwnCid) {
  const auto byPath = get("/ipfs/" + root_ + "/hello.txt");
  EXPECT_EQ(byPath.status, 200);
  EXPECT_EQ(body(byPath), "hello world");
  EXPECT_EQ(byPath.headers.get("Cache-Control"), "public, max-age=29030400, immutable");
  const auto byCid = get("/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
  EXPECT_EQ(body(byCid), "hello world");
  EXPECT_EQ(body(get("/ipfs/" + root_ + "/sub/big%20file")), big_);
}

TEST_F(IpfsHandlerTest, SendsRangesAcrossLeaves) {
  const auto part = get("/ipfs/" + root_ + "/sub/big%20file", "", "bytes=1048570-2097160");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.headers.get("Content-Range"), "bytes 1048570-2097160/3145733");
  EXPECT_EQ(body(part), big_.substr(1048570, 2097160 - 1048570 + 1));
  EXPECT_EQ(get("/ipfs/" + root_ + "/hello.txt", "", "bytes=11-").status, 416);
}

TEST_F(IpfsHandlerTest, ARangeOfOtherContentIsAnsweredWithTheWhole) {
  net::Request request{.method = "GET",
                       .path = "/ipfs/" + root_ + "/hello.txt",
                       .query = {},
                       .headers = {},
                       .body = {},
                       .peer = {}};
  const std::string etag(respondWithContent(*store_, request).headers.get("ETag"));
  request.headers.set("Range", "bytes=6-");
  request.headers.set("If-Range", etag);
  const auto part = respondWithContent(*store_, request);
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(body(part), "world");
  for (const auto& other :
       {"W/" + etag, std::string("\"other\""), std::string("Sat, 29 Oct 1994 19:43:31 GMT")}) {
    request.headers.set("If-Range", other);
    for (const auto* range : {"bytes=6-", "bytes=99-"}) {
      request.headers.set("Range", range);
      const auto whole = respondWithContent(*store_, request);
      EXPECT_EQ(whole.status, 200) << other << range;
      EXPECT_FALSE(whole.headers.has("Content-Range"));
      EXPECT_EQ(body(whole), "hello world");
    }
  }
}

TEST_F(IpfsHandlerTest, SendsTheBlocksOfFoldersAndFiles) {
  const auto block = get("/ipfs/" + root_, "format=raw");
  EXPECT_EQ(block.status, 200);
  EXPECT_EQ(block.headers.get("Content-Type"), "application/vnd.ipld.raw");
  const auto bytes = body(block);
  EXPECT_TRUE(cid::Cid::parse(root_)->matches(std::as_bytes(std::span(bytes))));
}

TEST_F(IpfsHandlerTest, FilesOfSeveralLeavesLieInOnePieceAndFoldersAreListed) {
  const auto big = get("/ipfs/" + root_ + "/sub/big%20file");
  EXPECT_TRUE(std::holds_alternative<net::FileRegion>(big.body));
  const auto moved = get("/ipfs/" + root_);
  EXPECT_EQ(moved.status, 301);
  EXPECT_EQ(moved.headers.get("Location"), "/ipfs/" + root_ + "/");
  const auto listed = get("/ipfs/" + root_ + "/");
  EXPECT_EQ(listed.status, 200);
  EXPECT_NE(body(listed).find(">hello.txt</a>"), std::string::npos);
}

TEST_F(IpfsHandlerTest, RefusesWhatItCantSend) {
  EXPECT_EQ(get("/ipfs/nonsense").status, 400);
  EXPECT_EQ(get("/ipfs/" + root_ + "/hello%2").status, 400);
  EXPECT_EQ(get("/ipfs/" + root_, "format=car").status, 501);
  EXPECT_EQ(get("/ipfs/" + root_ + "/none").status, 404);
  EXPECT_EQ(get("/ipfs/" + root_ + "/../hello.txt").status, 404);
  EXPECT_EQ(get("/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy").status, 404);
}

TEST_F(IpfsHandlerTest, StrangersLearnNoPathsOfThisMachine) {
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "store/files")) {
    std::filesystem::permissions(entry.path(), std::filesystem::perms(0644));
    std::ofstream(entry.path(), std::ios::app) << "more";
  }
  std::vector<std::string> troubles;
  StoreSource source(*store_, [&](const cid::Cid& cid, const Error& error) {
    troubles.push_back(cid.text() + " " + error.message);
  });
  const std::string file = "/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
  for (const auto& [path, query] :
       {std::pair(file, std::string()), std::pair(file, std::string("format=raw")),
        std::pair(file, std::string("format=car")),
        std::pair("/ipfs/" + root_ + "/hello.txt", std::string())}) {
    troubles.clear();
    net::Request request{
        .method = "GET", .path = path, .query = query, .headers = {}, .body = {}, .peer = {}};
    const auto answered = gateway::answer(source, request);
    EXPECT_EQ(answered.response.status, 500) << path << query;
    EXPECT_EQ(body(answered.response).find("/tmp"), std::string::npos) << body(answered.response);
    EXPECT_NE(body(answered.response).find("bafkreifz"), std::string::npos);
    ASSERT_FALSE(troubles.empty());
    EXPECT_NE(troubles[0].find(folder_.native()), std::string::npos) << "the log has all";
  }
}

TEST_F(IpfsHandlerTest, KnowsWhatTheClientHas) {
  net::Request request{.method = "GET",
                       .path = "/ipfs/" + root_ + "/hello.txt",
                       .query = {},
                       .headers = {},
                       .body = {},
                       .peer = {}};
  const auto first = respondWithContent(*store_, request);
  request.headers.set("If-None-Match", std::string(first.headers.get("ETag")));
  EXPECT_EQ(respondWithContent(*store_, request).status, 304);
}

TEST_F(IpfsHandlerTest, ACarHoldsTheLeavesOfTheStore) {
  StoreSource source(*store_);
  const base::FileDescriptor* open = nullptr;
  net::Request request{.method = "GET",
                       .path = "/ipfs/" + root_ + "/sub",
                       .query = "format=car",
                       .headers = {},
                       .body = {},
                       .peer = {}};
  auto answered = gateway::answer(source, request);
  EXPECT_EQ(answered.response.status, 200);
  ASSERT_TRUE(answered.body);
  cid::CarReader reader;
  std::size_t blocks = 0;
  while (true) {
    const auto piece = answered.body->next();
    ASSERT_TRUE(piece) << piece.error().message;
    if (!*piece) break;
    auto text = (*piece)->text;
    if (const auto& file = (*piece)->file) {
      // Sent as it lies: nothing of a leaf was read here, and all leaves share one open file.
      if (open != nullptr) EXPECT_EQ(file->file.get(), open);
      open = file->file.get();
      text += bytesOf(*file);
    }
    reader.push(std::as_bytes(std::span(text)));
    while (true) {
      const auto block = reader.next();
      ASSERT_TRUE(block) << block.error().message;
      if (!*block) break;
      ++blocks;
    }
  }
  EXPECT_TRUE(reader.finish());
  EXPECT_NE(open, nullptr);
  // The folders, the file's node, and its leaves, of which the first three are one.
  EXPECT_EQ(blocks, 2u + 1 + 2);
}

}  // namespace
}  // namespace webpool::api

// The gateway behind a real server, with clients that read, leave and stall.
#include "api/gateway/handler.h"

#include <gtest/gtest.h>

#include "api/gateway/testing/memory_source.h"
#include "cid/car.h"
#include "net/test_server.h"

namespace webpool::api::gateway {
namespace {

using net::RawClient;
using testing::MemorySource;

constexpr std::size_t kLeaf = 256u << 10;
constexpr std::size_t kLeaves = 40;

class GatewayHandlerBase : public net::ServerTest {
 protected:
  void SetUp() override {
    std::vector<std::string> leaves;
    for (std::size_t i = 0; i < kLeaves; ++i) {
      leaves.emplace_back(kLeaf, static_cast<char>('a' + i % 26));
      leaves.back()[0] = static_cast<char>(i);
      content_ += leaves.back();
    }
    file_ = source_->file("", leaves).cid;
    last_ = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(leaves.back())));
  }

  void serve(const GatewayLimits& limits) {
    start({.openPrefixes = {"/ipfs/"}});
    onLoop([this, &limits] {
      const auto handler = gatewayHandler(source_, loop_, limits);
      server_->routePrefix("GET", "/ipfs/", handler);
      server_->routePrefix("OPTIONS", "/ipfs/", handler);
    });
  }

  /// A chunked body up to its end; nullopt where the connection ended before.
  static std::optional<std::string> chunks(RawClient& client) {
    client.readToEnd();
    std::string body;
    std::string_view rest = client.pending();
    while (true) {
      const auto end = rest.find("\r\n");
      if (end == std::string_view::npos) return std::nullopt;
      const auto size = std::stoull(std::string(rest.substr(0, end)), nullptr, 16);
      rest.remove_prefix(end + 2);
      if (size == 0) return body;
      if (rest.size() < size + 2) return std::nullopt;
      body += rest.substr(0, size);
      rest.remove_prefix(size + 2);
    }
  }

  std::shared_ptr<MemorySource> source_ = std::make_shared<MemorySource>();
  std::string content_;
  cid::Cid file_, last_;
};

class GatewayHandlerTest : public GatewayHandlerBase {
 protected:
  void SetUp() override {
    GatewayHandlerBase::SetUp();
    serve({});
  }
};

TEST_F(GatewayHandlerTest, AFileInBlocksComesWithItsLengthAndTheConnectionGoesOn) {
  RawClient client(server_->port());
  for (int round = 0; round < 2; ++round) {
    const auto got = client.get("/ipfs/" + file_.text(), host());
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.field("Content-Length"), std::to_string(content_.size()));
    EXPECT_EQ(got.field("Transfer-Encoding"), "");
    EXPECT_EQ(got.body, content_);
  }
  const auto part = client.get("/ipfs/" + file_.text(), host(), "Range: bytes=262140-524300\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, content_.substr(262140, 524300 - 262140 + 1));
  const auto head = client.get("/ipfs/" + file_.text(), host(), "", "HEAD");
  EXPECT_EQ(head.field("Content-Length"), std::to_string(content_.size()));
  EXPECT_EQ(client.get("/ipfs/bafkqaaa", host()).status, 200);
  EXPECT_EQ(client.get("/ipfs/bafkqaaa", host(), "", "OPTIONS").status, 204);
}

TEST_F(GatewayHandlerTest, PagesOfEveryOriginMayReadAndNothingElse) {
  RawClient client(server_->port());
  const std::string foreign = "Origin: http://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n";
  const auto got = client.get("/ipfs/bafkqaaa", host(), foreign);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(got.field("Cross-Origin-Resource-Policy"), "cross-origin");
  EXPECT_EQ(client.get("/ipfs/bafkqaaa", host(), foreign, "OPTIONS").status, 204);
  RawClient other(server_->port());
  EXPECT_EQ(other.get("/other", host(), foreign).status, 403);
  RawClient writing(server_->port());
  EXPECT_EQ(writing.get("/ipfs/bafkqaaa", host(), foreign, "POST").status, 403);
  RawClient rebound(server_->port());
  EXPECT_EQ(rebound.get("/ipfs/bafkqaaa", "elsewhere.example").status, 421);
}

TEST_F(GatewayHandlerTest, ACarComesInChunks) {
  RawClient client(server_->port());
  const auto got =
      client.get("/ipfs/" + file_.text() + "?format=car", host(), "Connection: close\r\n");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.field("Transfer-Encoding"), "chunked");
  const auto body = chunks(client);
  ASSERT_TRUE(body);
  cid::CarReader reader;
  reader.push(std::as_bytes(std::span(*body)));
  std::size_t blocks = 0;
  while (true) {
    const auto block = reader.next();
    ASSERT_TRUE(block) << block.error().message;
    if (!*block) break;
    ++blocks;
  }
  EXPECT_EQ(blocks, kLeaves + 1);
}

TEST_F(GatewayHandlerTest, WhatIsMissingBelowCutsTheStream) {
  source_->remove(last_);
  RawClient car(server_->port());
  EXPECT_EQ(
      car.get("/ipfs/" + file_.text() + "?format=car", host(), "Connection: close\r\n").status,
      200);
  EXPECT_FALSE(chunks(car));
  RawClient file(server_->port());
  const auto got = file.get("/ipfs/" + file_.text(), host());
  EXPECT_EQ(got.status, 200);
  EXPECT_LT(got.body.size(), content_.size());
}

TEST_F(GatewayHandlerTest, ClientsThatLeaveOrStallHoldNothing) {
  for (int i = 0; i < 20; ++i) {
    RawClient leaving(server_->port());
    leaving.send("GET /ipfs/" + file_.text() + "?format=car HTTP/1.1\r\nHost: " + host() +
                 "\r\n\r\n");
    EXPECT_EQ(leaving.receive(false).status, 200);
    leaving.abort();
  }
  RawClient stalling(server_->port());
  stalling.send("GET /ipfs/" + file_.text() + " HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  RawClient other(server_->port());
  EXPECT_EQ(other.get("/ipfs/" + file_.text(), host()).body, content_);
  // The server stops with a body that nobody has read to its end.
}

TEST_F(GatewayHandlerTest, ALargeFolderIsAPageInChunks) {
  std::vector<cid::Link> entries;
  for (int i = 0; i < 3000; ++i) entries.push_back(source_->file("n" + std::to_string(i), "x"));
  const auto folder = source_->folder("", entries).cid;
  RawClient client(server_->port());
  const auto got = client.get("/ipfs/" + folder.text() + "/", host(), "Connection: close\r\n");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.field("Transfer-Encoding"), "chunked");
  const auto page = chunks(client);
  ASSERT_TRUE(page);
  EXPECT_NE(page->find(">n2999</a>"), std::string::npos);
  RawClient head(server_->port());
  EXPECT_EQ(head.get("/ipfs/" + folder.text() + "/", host(), "", "HEAD").status, 200);
  EXPECT_EQ(head.get("/ipfs/bafkqaaa", host()).status, 200);
}

/// With room for next to nothing.
class NarrowGatewayTest : public GatewayHandlerBase {
 protected:
  std::unique_ptr<RawClient> stalling() {
    auto client = std::make_unique<RawClient>(server_->port());
    client->send("GET /ipfs/" + file_.text() + " HTTP/1.1\r\nHost: " + host() +
                 "\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client->receive(false).status, 200);
    return client;
  }
};

TEST_F(NarrowGatewayTest, ThoseWhoReadGetAllWhereNothingMayWait) {
  serve({.waiting = 0});
  RawClient one(server_->port());
  RawClient two(server_->port());
  const auto stalled = stalling();
  EXPECT_EQ(one.get("/ipfs/" + file_.text(), host()).body, content_);
  EXPECT_EQ(two.get("/ipfs/" + file_.text(), host()).body, content_);
}

TEST_F(NarrowGatewayTest, WhoReadsTakesThePlaceOfWhoDoesNot) {
  serve({.bodies = 2, .stalled = {}});
  const auto first = stalling();
  const auto second = stalling();
  RawClient reading(server_->port());
  // Until one of them is waited for.
  while (true) {
    const auto got = reading.get("/ipfs/" + file_.text(), host());
    if (got.status == 503) continue;
    EXPECT_EQ(got.body, content_);
    break;
  }
  first->readToEnd();
  second->readToEnd();
  const auto whole = [this](RawClient& client) {
    return client.pending().size() == content_.size();
  };
  EXPECT_TRUE(!whole(*first) || !whole(*second)) << "one of them was cut off";
}

TEST_F(NarrowGatewayTest, NobodyWhoReadsIsCutOff) {
  serve({.bodies = 1, .stalled = std::chrono::hours(1)});
  const auto first = stalling();
  RawClient other(server_->port());
  const auto refused = other.get("/ipfs/" + file_.text(), host());
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("Retry-After"), "1");
  EXPECT_EQ(other.get("/ipfs/bafkqaaa", host()).status, 200) << "small answers need no place";
  first->readToEnd();
  EXPECT_EQ(first->pending().size(), content_.size());
}

}  // namespace
}  // namespace webpool::api::gateway

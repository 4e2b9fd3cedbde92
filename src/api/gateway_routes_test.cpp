// The gateway behind a front: tokens, pages, routing, the log.
#include "api/gateway_routes.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <semaphore>

#include "base/random.h"
#include "net/test_server.h"

namespace webpool::api {
namespace {

using net::RawClient;
using testing::HasSubstr;

constexpr const char* kHello = "/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
constexpr const char* kPage = "Origin: http://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n";

class GatewayRoutesTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/webpool-gateway-routes-XXXXXX";
    folder_ = mkdtemp(pattern);
    std::ofstream(folder_ / "hello") << "hello world";
    store_ = store::ContentStore::open(folder_ / "store", base::systemRandom()).value();
    ASSERT_TRUE(store_->importPath(folder_ / "hello"));
  }
  void TearDown() override {
    front_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(FrontOptions options, bool everybody) {
    options.log = [this](const AccessLine& line) {
      lines_.push_back(line);
      logged_.release();
    };
    front_ = Front::open(std::move(options)).value();
    addGateway(*front_, *store_, {"12D3KooWnobody", {"/ip4/127.0.0.1/tcp/1/http"}}, everybody);
  }
  std::uint16_t port() const {
    const auto origin = front_->origin();
    return static_cast<std::uint16_t>(std::stoi(origin.substr(origin.rfind(':') + 1)));
  }
  net::ClientResponse get(const std::string& path, const std::string& more = {},
                          const std::string& method = "GET") const {
    RawClient client(port());
    return client.get(path, "127.0.0.1:" + std::to_string(port()), more, method);
  }

  std::filesystem::path folder_;
  std::unique_ptr<store::ContentStore> store_;
  std::vector<AccessLine> lines_;
  std::counting_semaphore<> logged_{0};
  std::unique_ptr<Front> front_;
};

TEST_F(GatewayRoutesTest, SendsContentAndTellsOfItself) {
  open({}, false);
  const auto got = get(kHello);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "hello world");
  EXPECT_NE(got.field("X-Request-Id"), "");
  logged_.acquire();
  EXPECT_EQ(lines_.front().path, kHello);
  EXPECT_EQ(lines_.front().status, 200);
  EXPECT_EQ(get(kHello, "Range: bytes=6-\r\n").body, "world");
  EXPECT_EQ(get(kHello, "", "HEAD").field("Content-Length"), "11");
  // Nobody knows how long a CAR will be; the connection goes on all the same.
  RawClient asks(port());
  const auto host = "127.0.0.1:" + std::to_string(port());
  const auto car = asks.get(std::string(kHello) + "?format=car", host, "", "HEAD");
  EXPECT_EQ(car.status, 200);
  EXPECT_EQ(car.field("Content-Length"), "");
  EXPECT_EQ(car.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(asks.get(kHello, host).body, "hello world");
  const auto provider = get(std::string("/routing/v1/providers/") + (kHello + 6));
  EXPECT_EQ(provider.status, 200);
  EXPECT_THAT(provider.body, HasSubstr("12D3KooWnobody"));
  EXPECT_THAT(front_->metrics().text(), HasSubstr("route=\"ipfs\""));
  // Nothing is fetched, and nothing is taken.
  const std::string absent = "/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
  EXPECT_EQ(get(absent).status, 404);
  for (const auto* asked : {"only-if-cached", "Only-If-Cached", "no-transform,ONLY-IF-CACHED "}) {
    EXPECT_EQ(get(absent, std::string("Cache-Control: ") + asked + "\r\n").status, 412) << asked;
  }
  EXPECT_EQ(get(absent, "Cache-Control: not-only-if-cached\r\n").status, 404);
  EXPECT_EQ(get(kHello, "", "PUT").status, 405);
  RawClient client(port());
  client.send(std::string("GET ") + kHello + " HTTP/1.1\r\nHost: 127.0.0.1:" +
              std::to_string(port()) + "\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(client.receive().status, 400);
}

TEST_F(GatewayRoutesTest, NamesAreRefusedByName) {
  open({}, false);
  const auto got = get("/ipns/en.wikipedia.example/");
  EXPECT_EQ(got.status, 501);
  EXPECT_THAT(got.body, HasSubstr("IPNS"));
}

TEST_F(GatewayRoutesTest, AsksForTheTokenAndRefusesOtherPages) {
  FrontOptions options;
  options.token = "secret";
  open(std::move(options), false);
  EXPECT_EQ(get(kHello).status, 401);
  EXPECT_EQ(get("/routing/v1/providers/bafkqaaa").status, 401);
  const auto got = get(kHello, "Authorization: Bearer secret\r\n");
  EXPECT_EQ(got.body, "hello world");
  EXPECT_EQ(got.field("Cache-Control"), "private, max-age=29030400, immutable")
      << "no cache between may give it to others";
  EXPECT_EQ(get(kHello, std::string("Authorization: Bearer secret\r\n") + kPage).status, 403);
}

TEST_F(GatewayRoutesTest, ForEverybodyAsksForNothing) {
  FrontOptions options;
  options.token = "secret";
  options.server.openPrefixes = gatewayPrefixes();
  open(std::move(options), true);
  EXPECT_EQ(get(kHello).body, "hello world");
  EXPECT_EQ(get(kHello).field("Cache-Control"), "public, max-age=29030400, immutable");
  const auto page = get(kHello, kPage);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(get(kHello, kPage, "OPTIONS").status, 204);
  EXPECT_EQ(get("/routing/v1/providers/bafkqaaa", kPage).status, 200);
  EXPECT_EQ(get(kHello, kPage, "POST").status, 403);
}

TEST_F(GatewayRoutesTest, BeyondThisMachineOnlyWhenToldThatItIsForEverybody) {
  FrontOptions options;
  options.server.address = "0.0.0.0";
  EXPECT_EQ(Front::open(options).error().category, ErrorCategory::InvalidArgument);
  options.forEverybody = true;
  EXPECT_TRUE(Front::open(options));
}

TEST_F(GatewayRoutesTest, EndsWhileClientsReadAndStall) {
  std::ofstream out(folder_ / "big", std::ios::binary);
  for (char leaf = 0; leaf < 64; ++leaf) out << std::string(1u << 20, leaf);
  out.close();
  const auto big = store_->importPath(folder_ / "big").value().root.text();
  open({}, false);
  RawClient file(port());
  RawClient car(port());
  for (auto* client : {&file, &car}) {
    client->send("GET /ipfs/" + big + (client == &car ? "?format=car" : "") +
                 " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port()) + "\r\n\r\n");
    EXPECT_EQ(client->receive(false).status, 200);
  }
  front_.reset();
  EXPECT_TRUE(car.readToEnd());
}

}  // namespace
}  // namespace webpool::api

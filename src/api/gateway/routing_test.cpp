#include "api/gateway/routing.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/gateway/testing/memory_source.h"

namespace webpool::api::gateway {
namespace {

namespace json = boost::json;
using testing::MemorySource;
using testing::request;

class GatewayRoutingTest : public ::testing::Test {
 protected:
  net::Response ask(const std::string& path, const std::string& query = "",
                    const std::string& accept = "") {
    return answerRouting(source_, self_,
                         request("/routing/v1" + path, query, {{"Accept", accept}}));
  }

  json::array providers(const std::string& query = "") {
    const auto got = ask("/providers/" + held_.text(), query);
    EXPECT_EQ(got.status, 200);
    return json::parse(std::get<std::string>(got.body)).at("Providers").as_array();
  }

  MemorySource source_;
  cid::Cid held_ = source_.put(cid::Codec::Raw, "held");
  Provider self_{"12D3KooWTest", {"/ip4/192.0.2.1/tcp/8080/http", "/ip6/::1/tcp/8080/http"}};
};

TEST_F(GatewayRoutingTest, TellsOfThisNode) {
  const auto list = providers();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at("Schema").as_string(), "peer");
  EXPECT_EQ(list[0].at("ID").as_string(), "12D3KooWTest");
  EXPECT_EQ(list[0].at("Protocols").as_array(), (json::array{"transport-ipfs-gateway-http"}));
  EXPECT_EQ(list[0].at("Addrs").as_array().size(), 2u);
  const auto got = ask("/providers/" + held_.text());
  EXPECT_EQ(got.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(got.headers.get("Access-Control-Allow-Origin"), "*");
}

TEST_F(GatewayRoutingTest, NothingKnownIsAnEmptyListAnd200) {
  const auto other = cid::Cid::of(cid::Codec::Raw, {});
  const auto got = ask("/providers/" + other.text());
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(std::get<std::string>(got.body), "{\"Providers\":[]}");
  self_.peerId.clear();
  EXPECT_TRUE(providers().empty());
  // A CID whose hash nobody here can check is not here either.
  EXPECT_EQ(ask("/providers/bafkr4iae4c5tt4yldi76xcpvg3etxykqkvec352im5fqbutolj2xo5yc5e").status,
            200);
}

TEST_F(GatewayRoutingTest, Lines) {
  const auto got = ask("/providers/" + held_.text(), "", "application/x-ndjson");
  EXPECT_EQ(got.headers.get("Content-Type"), "application/x-ndjson");
  const auto& text = std::get<std::string>(got.body);
  EXPECT_TRUE(text.ends_with("\n"));
  EXPECT_EQ(json::parse(text).at("Schema").as_string(), "peer");
}

TEST_F(GatewayRoutingTest, Filters) {
  EXPECT_EQ(providers("filter-protocols=transport-ipfs-gateway-http").size(), 1u);
  EXPECT_EQ(providers("filter-protocols=transport-bitswap,transport-ipfs-gateway-http").size(), 1u);
  EXPECT_TRUE(providers("filter-protocols=transport-bitswap").empty());
  const auto addresses = [&](const std::string& filter) {
    const auto list = providers("filter-addrs=" + filter);
    return list.empty() ? 0 : list[0].at("Addrs").as_array().size();
  };
  EXPECT_EQ(addresses("http"), 2u);
  EXPECT_EQ(addresses("ip6"), 1u);
  EXPECT_EQ(addresses("!ip6"), 1u);
  EXPECT_EQ(addresses("!http"), 0u);
  EXPECT_EQ(addresses("webtransport"), 0u);
  EXPECT_EQ(addresses("webtransport,http,!ip4"), 1u);
  EXPECT_EQ(addresses("unknown"), 2u);
  self_.addresses.clear();
  EXPECT_EQ(providers("filter-addrs=unknown").size(), 1u);
  EXPECT_TRUE(providers("filter-addrs=http").empty());
}

TEST_F(GatewayRoutingTest, PeersAndWhatIsNot) {
  const auto own = ask("/peers/12D3KooWTest");
  EXPECT_EQ(json::parse(std::get<std::string>(own.body)).at("Peers").as_array().size(), 1u);
  EXPECT_EQ(std::get<std::string>(ask("/peers/other").body), "{\"Peers\":[]}");
  EXPECT_EQ(ask("/providers/bnonsense1").status, 400);
  EXPECT_EQ(ask("/providers/xx").status, 400);
  EXPECT_EQ(ask("/ipns/x").status, 501);
}

TEST(PeerId, OfAKey) {
  // An Ed25519 key's peer id begins with "12D3KooW" whatever the key is.
  const std::array<std::byte, 32> zeros{};
  const auto id = peerIdOf(zeros);
  EXPECT_TRUE(id.starts_with("12D3KooW"));
  EXPECT_EQ(id.size(), 52u);
}

}  // namespace
}  // namespace webpool::api::gateway

#include "sources/content_servers.h"

#include <gmock/gmock.h>

#include "net/http_client.h"
#include "sources/testing/odd_server.h"

namespace webpool::sources {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ContentServers, AddressesAreCheckedAndTidied) {
  const auto right = checkedSettings({.gateways = {"https://a.example/", "http://127.0.0.1:81"},
                                      .nodes = {"http://192.0.2.7:8090"},
                                      .routers = {"https://r.example//"},
                                      .kubo = "http://localhost:8080/"});
  ASSERT_TRUE(right) << right.error().describe();
  EXPECT_THAT(right->gateways, ElementsAre("https://a.example", "http://127.0.0.1:81"));
  EXPECT_THAT(right->routers, ElementsAre("https://r.example"));
  EXPECT_EQ(right->kubo, "http://localhost:8080");
  EXPECT_EQ(checkedSettings({.kubo = "off"})->kubo, "");
  EXPECT_EQ(checkedSettings({})->kubo, "http://127.0.0.1:8080");
}

TEST(ContentServers, WhatIsNoAddressOrNotEncryptedIsRefused) {
  const auto refused = [](const ContentSettings& settings) {
    const auto checked = checkedSettings(settings);
    EXPECT_FALSE(checked);
    return checked ? Error{} : checked.error();
  };
  for (const auto& error :
       {refused({.gateways = {"http://a.example"}}), refused({.gateways = {"nonsense"}}),
        refused({.gateways = {"https://a.example/?token=x"}}), refused({.nodes = {"ftp://a"}}),
        refused({.nodes = {"http://a.example#x"}}), refused({.nodes = {"http://a.example#"}}),
        refused({.routers = {"http://a.example"}}), refused({.kubo = "http://192.0.2.1:8080"})}) {
    EXPECT_EQ(error.category, ErrorCategory::InvalidArgument) << error.message;
  }
  EXPECT_THAT(refused({.gateways = {"http://a.example"}}).message, HasSubstr("not encrypted"));
  EXPECT_THAT(refused({.nodes = {"http://a.example/#x"}}).message, HasSubstr("fragment"));
}

TEST(ContentServers, EachIsNamedOnce) {
  const auto servers =
      namedServers({.gateways = {"https://a", "https://b", "https://a"}, .nodes = {"https://b"}});
  ASSERT_EQ(servers.size(), 2u);
  EXPECT_EQ(servers[0].name, "https://b");
  EXPECT_EQ(servers[1].name, "https://a");
}

TEST(ContentServers, AKuboIsAskedForWhatItHasFirst) {
  const auto servers = localServers("http://127.0.0.1:8080", "kubo");
  ASSERT_EQ(servers.size(), 2u);
  EXPECT_EQ(servers[0].name, "kubo");
  EXPECT_EQ(servers[1].name, "kubo (network)");
  EXPECT_TRUE(servers[0].onlyIfCached);
  EXPECT_FALSE(servers[1].onlyIfCached);
  EXPECT_LT(servers[0].rank, servers[1].rank);
}

/// What the probe makes of a server that answers /version so.
LocalGateway probed(int status, const std::string& version) {
  const BlockMap none;
  const OddServer server(none, [&](OddServer&, const OddServer::Request& request) {
    if (request.target != "/version") return false;
    OddServer::answer(request.socket, status, version);
    return true;
  });
  net::HttpClient http;
  return probeLocalGateway(http, server.address(), {});
}

TEST(ContentServers, AKuboSaysItsNameAndAnotherGatewayIsNone) {
  // As Kubo 0.43.0 writes it, and as a build with a commit does.
  EXPECT_EQ(probed(200, "Commit: \nClient Version: kubo/0.43.0\n"), LocalGateway::Kubo);
  EXPECT_EQ(probed(200, "Commit: a1b2c3\nClient Version: kubo/0.43.0/a1b2c3\n"),
            LocalGateway::Kubo);
  EXPECT_EQ(probed(200, "Client Version: other/1.0\n"), LocalGateway::Other);
  EXPECT_EQ(probed(200, "No Client Version: kubo/0.43.0\n"), LocalGateway::Other);
  EXPECT_EQ(probed(404, "Commit: \nClient Version: kubo/0.43.0\n"), LocalGateway::Other);
  EXPECT_EQ(probed(200, std::string(4096, 'x')), LocalGateway::Other);
}

TEST(ContentServers, WhatIsNoGatewayIsNoKubo) {
  const BlockMap none;
  const OddServer page(none, [](OddServer&, const OddServer::Request& request) {
    OddServer::answer(request.socket, 200, "Client Version: kubo/0.43.0\n");
    return true;
  });
  net::HttpClient http;
  EXPECT_EQ(probeLocalGateway(http, page.address(), {}), LocalGateway::None);
}

TEST(ContentServers, MultiaddressesOfHttpAreRead) {
  EXPECT_EQ(originOfMultiaddr("/dns4/gw.example/tcp/443/https"), "https://gw.example");
  EXPECT_EQ(originOfMultiaddr("/dns/gw.example/tcp/8443/tls/http"), "https://gw.example:8443");
  EXPECT_EQ(originOfMultiaddr("/ip4/127.0.0.1/tcp/8080/http"), "http://127.0.0.1:8080");
  EXPECT_EQ(originOfMultiaddr("/ip6/::1/tcp/8080/http"), "http://[::1]:8080");
  for (const auto* none :
       {"", "/", "x", "/ip4/127.0.0.1", "/ip4/127.0.0.1/tcp/80", "/ip4/1.2.3.4/udp/80/http",
        "/dns4/a b/tcp/443/https", "/dns4/a/tcp/99999/https", "/dns4/a/tcp/443/https/more",
        "/dns4/a@b/tcp/443/https", "/dns4/a?x/tcp/443/https", "/unix/x/tcp/1/http",
        "/dns4/a/tcp/443/tls/ws"}) {
    EXPECT_EQ(originOfMultiaddr(none), "") << none;
  }
}

TEST(ContentServers, ARoutersAnswerNamesGateways) {
  const auto found = serversInAnswer(R"({"Providers":[
    {"Schema":"peer","ID":"x","Protocols":["transport-bitswap"],"Addrs":["/dns4/no.example/tcp/443/https"]},
    {"Schema":"peer","ID":"y","Protocols":["transport-ipfs-gateway-http"],
     "Addrs":["/dns4/a.example/tcp/443/https","/ip4/192.0.2.1/tcp/80/http","/ip4/192.0.2.1/tcp/4001",7]},
    {"Schema":"peer","Protocols":["transport-ipfs-gateway-http"],"Addrs":["/dns4/a.example/tcp/443/https"]},
    {"Schema":"peer"}, 3]})",
                                     RouterPlace::ThisMachine);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->servers.size(), 1u);
  EXPECT_EQ(found->servers[0].origin, "https://a.example");
  EXPECT_EQ(found->passedOver, std::vector<std::string>{"http://192.0.2.1"});
  for (const auto* none : {R"({"Providers":null})", R"({"Providers":[]})"}) {
    EXPECT_TRUE(serversInAnswer(none, RouterPlace::Elsewhere)->servers.empty()) << none;
  }
  for (const auto* none : {"", "{", "[]", "{}", R"({"Providers":{}})"}) {
    EXPECT_EQ(serversInAnswer(none, RouterPlace::Elsewhere).error().category, ErrorCategory::Fetch)
        << none;
  }
  std::string many = R"({"Providers":[)";
  for (int i = 0; i < 50; ++i) {
    many += (i == 0 ? "" : ",");
    many += R"({"Protocols":["transport-ipfs-gateway-http"],"Addrs":["/dns4/h)" +
            std::to_string(i) + R"(.example/tcp/443/https"]})";
  }
  EXPECT_EQ(serversInAnswer(many + "]}", RouterPlace::Elsewhere)->servers.size(), 8u);
}

TEST(ContentServers, OnlyARouterOfThisMachineNamesPlainGatewaysOfIt) {
  constexpr auto kAnswer = R"({"Providers":[{"Protocols":["transport-ipfs-gateway-http"],
      "Addrs":["/ip4/127.0.0.1/tcp/8080/http","/ip6/::1/tcp/8081/http",
               "/ip4/192.0.2.1/tcp/80/http"]}]})";
  const auto here = serversInAnswer(kAnswer, RouterPlace::ThisMachine);
  ASSERT_TRUE(here);
  ASSERT_EQ(here->servers.size(), 2u);
  EXPECT_EQ(here->servers[0].origin, "http://127.0.0.1:8080");
  EXPECT_EQ(here->servers[1].origin, "http://[::1]:8081");
  EXPECT_EQ(here->passedOver, std::vector<std::string>{"http://192.0.2.1"});
  const auto elsewhere = serversInAnswer(kAnswer, RouterPlace::Elsewhere);
  ASSERT_TRUE(elsewhere);
  EXPECT_TRUE(elsewhere->servers.empty());
  EXPECT_EQ(elsewhere->passedOver.size(), 3u);
}

}  // namespace
}  // namespace webpool::sources

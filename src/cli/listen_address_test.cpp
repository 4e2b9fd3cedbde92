#include "cli/listen_address.h"

#include <gmock/gmock.h>

namespace webpool::cli {
namespace {

using testing::Contains;

TEST(ListenAddress, PortsAddressesAndBoth) {
  const auto read = [](std::string_view text) {
    const auto address = parseListenAddress(text).value();
    return address.host + " " + (address.port ? std::to_string(*address.port) : "-");
  };
  EXPECT_EQ(read("8080"), "127.0.0.1 8080");
  EXPECT_EQ(read("0.0.0.0"), "0.0.0.0 -");
  EXPECT_EQ(read("0.0.0.0:0"), "0.0.0.0 0");
  EXPECT_EQ(read("[::1]:65535"), "::1 65535");
  EXPECT_EQ(read("[::]"), ":: -");
  EXPECT_EQ(read("::1"), "::1 -");
  for (const auto* wrong :
       {"", ":", ":80", "a:", "a:x", "127.0.0.1:65536", "[::1", "[::1]80", "[]:80"}) {
    EXPECT_EQ(parseListenAddress(wrong).error().category, ErrorCategory::InvalidArgument) << wrong;
  }
}

TEST(ListenAddress, LocalhostIsThisMachineAndOtherNamesAreNone) {
  EXPECT_EQ(parseListenAddress("localhost:8080")->host, "127.0.0.1");
  EXPECT_EQ(listenHost("LocalHost"), "127.0.0.1");
  for (const auto* address : {"0.0.0.0", "192.0.2.1", "::", "::1", "fe80::1%eth0"}) {
    EXPECT_EQ(listenHost(address), address);
  }
  for (const auto* wrong : {"", "bogus", "999.1.1.1", "1.2.3", "127.0.0.1%eth0", "[::1]", "::1 "}) {
    EXPECT_EQ(listenHost(wrong), std::nullopt) << wrong;
  }
}

TEST(ListenAddress, WhatClientsMayCallIt) {
  EXPECT_TRUE(hostNames("127.0.0.1").empty());
  EXPECT_EQ(hostNames("127.0.0.1", {"node.example"}), std::vector<std::string>{"node.example"});
  EXPECT_THAT(hostNames("192.0.2.1"), Contains("192.0.2.1"));
  EXPECT_THAT(hostNames("2001:db8::1"), Contains("[2001:db8::1]"));
  EXPECT_EQ(reachedAddresses("192.0.2.1"), std::vector<std::string>{"192.0.2.1"});
  for (const auto& address : reachedAddresses("0.0.0.0")) {
    EXPECT_EQ(address.find(':'), std::string::npos);
  }
}

}  // namespace
}  // namespace webpool::cli

#include "net/origin_policy.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace webpool::net {
namespace {

using Fields = std::initializer_list<std::pair<std::string, std::string>>;

int statusOf(const OriginPolicy& policy, Fields fields, bool upgrade = false) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  const auto refusal = policy.check(headers, upgrade);
  if (refusal) {
    EXPECT_FALSE(refusal->reason.empty());
  }
  return refusal ? refusal->status : 200;
}

const OriginPolicy kLocal("127.0.0.1", 8080, {});

TEST(OriginPolicy, OwnHosts) {
  for (const auto* host : {"127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"}) {
    EXPECT_EQ(statusOf(kLocal, {{"Host", host}}), 200) << host;
  }
}

TEST(OriginPolicy, ForeignHosts) {
  for (const auto* host :
       {"evil.example:8080", "localhost", "127.0.0.1", "localhost:80", "localhost:80800", "",
        "localhost:8080.evil.example", "127.0.0.1:8080@evil.example", "0.0.0.0:8080",
        "evil.example", "localhost.:8080", "127.1:8080"}) {
    EXPECT_EQ(statusOf(kLocal, {{"Host", host}}), 421) << host;
  }
}

TEST(OriginPolicy, HostOnceOnly) {
  EXPECT_EQ(statusOf(kLocal, {}), 400);
  EXPECT_EQ(statusOf(kLocal, {{"Host", "localhost:8080"}, {"host", "localhost:8080"}}), 400);
}

TEST(OriginPolicy, OriginMustBeTheHostThatWasAsked) {
  EXPECT_EQ(statusOf(kLocal, {{"Host", "localhost:8080"}, {"Origin", "http://localhost:8080"}}),
            200);
  for (const auto* origin :
       {"http://127.0.0.1:8080", "https://localhost:8080", "http://localhost", "null", "",
        "http://localhost:8081", "http://localhost:8080.evil.example", "http://evil.example",
        "localhost:8080", "http://localhost:8080/"}) {
    EXPECT_EQ(statusOf(kLocal, {{"Host", "localhost:8080"}, {"Origin", origin}}), 403) << origin;
    EXPECT_EQ(statusOf(kLocal, {{"Host", "localhost:8080"}, {"Origin", origin}}, true), 403);
  }
  EXPECT_EQ(statusOf(kLocal, {{"Host", "localhost:8080"},
                              {"Origin", "http://localhost:8080"},
                              {"Origin", "http://evil.example"}}),
            400);
}

TEST(OriginPolicy, UpgradeNeedsOrigin) {
  EXPECT_EQ(statusOf(kLocal, {{"Host", "localhost:8080"}}, true), 403);
  EXPECT_EQ(statusOf(kLocal, {{"Host", "[::1]:8080"}, {"Origin", "http://[::1]:8080"}}, true), 200);
}

TEST(OriginPolicy, RequestsThatBrowsersMadeForOtherSites) {
  const auto with = [](const char* site) {
    return statusOf(kLocal, {{"Host", "localhost:8080"}, {"Sec-Fetch-Site", site}});
  };
  EXPECT_EQ(with("cross-site"), 403);
  EXPECT_EQ(with("same-site"), 403);
  EXPECT_EQ(with("same-origin"), 200);
  EXPECT_EQ(with("none"), 200);
}

TEST(OriginPolicy, ConfiguredNames) {
  const OriginPolicy policy("0.0.0.0", 8080, {"pool.example", "other.example:444", "[fd00::1]"});
  EXPECT_EQ(statusOf(policy, {{"Host", "pool.example"}}), 200);
  EXPECT_EQ(statusOf(policy, {{"Host", "pool.example:8443"}}), 200);
  EXPECT_EQ(statusOf(policy, {{"Host", "[fd00::1]:8080"}}), 200);
  EXPECT_EQ(statusOf(policy, {{"Host", "[fd00::1]"}}), 200);
  EXPECT_EQ(statusOf(policy, {{"Host", "other.example:444"}}), 200);
  EXPECT_EQ(statusOf(policy, {{"Host", "other.example"}}), 421);
  EXPECT_EQ(statusOf(policy, {{"Host", "other.example:445"}}), 421);
  EXPECT_EQ(statusOf(policy, {{"Host", "0.0.0.0:8080"}}), 421);
  EXPECT_EQ(statusOf(policy, {{"Host", "pool.example"}, {"Origin", "https://pool.example"}}), 200);
  EXPECT_EQ(statusOf(policy, {{"Host", "localhost:8080"}, {"Origin", "https://localhost:8080"}}),
            403);
}

TEST(OriginPolicy, BoundAddressAndDefaultPort) {
  EXPECT_EQ(statusOf(OriginPolicy("10.0.0.5", 9000, {}), {{"Host", "10.0.0.5:9000"}}), 200);
  EXPECT_EQ(statusOf(OriginPolicy("fd00::2", 9000, {}), {{"Host", "[fd00::2]:9000"}}), 200);
  EXPECT_EQ(statusOf(OriginPolicy("127.0.0.1", 80, {}), {{"Host", "localhost"}}), 200);
}

TEST(OriginPolicy, WhatIsOpenAsksForTheHostOnly) {
  const OriginPolicy policy("127.0.0.1", 8080, {});
  Headers headers;
  headers.set("Host", "127.0.0.1:8080");
  headers.set("Origin", "http://elsewhere.example");
  headers.set("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(policy.check(headers, false)->status, 403);
  EXPECT_FALSE(policy.check(headers, false, true));
  EXPECT_EQ(policy.check(headers, true, true)->status, 403);
  headers.set("Host", "elsewhere.example");
  EXPECT_EQ(policy.check(headers, false, true)->status, 421);
}

}  // namespace
}  // namespace webpool::net

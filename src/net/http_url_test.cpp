#include "net/http_url.h"

#include <gmock/gmock.h>

namespace webpool::net {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HttpUrlTest, PartsAndDefaults) {
  const auto plain = parseHttpUrl("http://Mac.local:4444");
  ASSERT_TRUE(plain) << plain.error().describe();
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->host, "mac.local");
  EXPECT_EQ(plain->port, 4444);
  EXPECT_EQ(plain->target, "/");
  EXPECT_EQ(plain->origin(), "http://mac.local:4444");
  EXPECT_EQ(plain->hostField(), "mac.local:4444");

  const auto secure = parseHttpUrl("HTTPS://grid.example/wd/hub?x=1#not-sent");
  ASSERT_TRUE(secure);
  EXPECT_TRUE(secure->tls);
  EXPECT_EQ(secure->port, 443);
  EXPECT_EQ(secure->target, "/wd/hub?x=1");
  EXPECT_EQ(secure->origin(), "https://grid.example");
  EXPECT_EQ(parseHttpUrl("http://a?q")->target, "/?q");
  EXPECT_EQ(parseHttpUrl("http://a:")->port, 80);
}

TEST(HttpUrlTest, AddressesOfVersionSixKeepTheirBrackets) {
  const auto url = parseHttpUrl("http://[::1]:4444/status");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->hostField(), "[::1]:4444");
  EXPECT_EQ(url->origin(), "http://[::1]:4444");
}

TEST(HttpUrlTest, KnowsWhatStaysOnThisMachine) {
  for (const auto* own :
       {"http://127.0.0.1:1", "http://127.8.8.8", "http://localhost/", "http://[::1]"}) {
    EXPECT_TRUE(parseHttpUrl(own)->isLoopback()) << own;
  }
  for (const auto* other : {"http://192.168.1.5", "http://localhost.example", "http://[fe80::1]"}) {
    EXPECT_FALSE(parseHttpUrl(other)->isLoopback()) << other;
  }
}

TEST(HttpUrlTest, WhatIsNoneIsRefusedWithTheCause) {
  for (const auto* text :
       {"", "mac.local:4444", "ftp://a", "http://", "http:///path", "http://:80", "http://a:0",
        "http://a:65536", "http://a:4x", "http://a:-1", "http://[::1", "http://[nonsense]",
        "http://[::1]80", "http://a b", "http://a/\r\nHost: b", "http://a\x01", "http://ä",
        "http://a,b", "http://a\\b"}) {
    const auto url = parseHttpUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().category, ErrorCategory::InvalidArgument);
    EXPECT_THAT(url.error().message, Not(HasSubstr("\n")));
    EXPECT_THAT(url.error().message, Not(HasSubstr("\x01")));
    EXPECT_FALSE(url.error().hint.empty());
  }
  EXPECT_FALSE(parseHttpUrl("http://a/" + std::string(9000, 'x')));
}

TEST(HttpUrlTest, PasswordsAreNotShown) {
  for (const auto* text :
       {"https://user:secret@grid.example/", "ftp://user:secret@grid.example/"}) {
    const auto url = parseHttpUrl(text);
    ASSERT_FALSE(url);
    EXPECT_THAT(url.error().message, Not(HasSubstr("secret")));
    EXPECT_THAT(url.error().message, HasSubstr("grid.example"));
  }
}

TEST(HttpUrlTest, WhereARedirectLeads) {
  const auto base = *parseHttpUrl("https://hub.example/a/b?c=1");
  EXPECT_EQ(*redirectTarget(base, "/x?y"), "https://hub.example/x?y");
  EXPECT_EQ(*redirectTarget(base, "x"), "https://hub.example/a/x");
  EXPECT_EQ(*redirectTarget(base, "//cdn.example/x"), "https://cdn.example/x");
  EXPECT_EQ(*redirectTarget(base, "https://cdn.example/x"), "https://cdn.example/x");
  EXPECT_FALSE(redirectTarget(base, "http://cdn.example/x"));
  EXPECT_TRUE(redirectTarget(base, "http://127.0.0.1:8080/x"));
  EXPECT_FALSE(redirectTarget(base, "ftp://cdn.example/x"));
  EXPECT_FALSE(redirectTarget(base, ""));
  const auto plain = *parseHttpUrl("http://hub.example/");
  EXPECT_TRUE(redirectTarget(plain, "http://cdn.example/x"));
}

}  // namespace
}  // namespace webpool::net

#include "net/absolute_target.h"

#include <gtest/gtest.h>

namespace webpool::net {
namespace {

TEST(AbsoluteTarget, HasAHostAndAPath) {
  const auto parts = [](std::string_view target, bool tls = false) {
    const auto read = absoluteTarget(target, tls);
    return read ? read->host + " " + read->target : "none";
  };
  EXPECT_EQ(parts("http://a:80/b?c"), "a:80 /b?c");
  EXPECT_EQ(parts("HTTP://a"), "a /");
  EXPECT_EQ(parts("http://[::1]:80?x"), "[::1]:80 /?x");
  EXPECT_EQ(parts("https://a/b", true), "a /b");
  for (const auto* other : {"/b", "*", "", "http:///b", "http://u@a/b", "https://a/b", "a:80"}) {
    EXPECT_EQ(parts(other), "none") << other;
  }
}

}  // namespace
}  // namespace webpool::net

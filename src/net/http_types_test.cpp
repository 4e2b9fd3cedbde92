#include "net/http_types.h"

#include <gtest/gtest.h>

namespace webpool::net {
namespace {

TEST(Headers, LookUpIgnoresCaseAndKeepsOrder) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("HOST", "x");
  headers.add("accept", "b");
  EXPECT_EQ(headers.get("ACCEPT"), "a");
  EXPECT_EQ(headers.count("Accept"), 2u);
  EXPECT_TRUE(headers.has("host"));
  EXPECT_FALSE(headers.has("hos"));
  EXPECT_EQ(headers.get("none"), "");
  EXPECT_EQ(headers.all()[2].second, "b");
}

TEST(Headers, SetReplacesAll) {
  Headers headers;
  headers.add("A", "1");
  headers.add("a", "2");
  headers.set("A", "3");
  EXPECT_EQ(headers.all().size(), 1u);
  EXPECT_EQ(headers.get("a"), "3");
}

TEST(EqualIgnoringCase, TouchesLettersOnly) {
  EXPECT_TRUE(equalIgnoringCase("LocalHost:80", "localhost:80"));
  EXPECT_FALSE(equalIgnoringCase("a", "ab"));
  EXPECT_FALSE(equalIgnoringCase("[", "{"));
  EXPECT_FALSE(equalIgnoringCase("@", "`"));
}

}  // namespace
}  // namespace webpool::net

#include "net/router.h"

#include <gtest/gtest.h>

namespace webpool::net {
namespace {

class RouterTest : public testing::Test {
 protected:
  Handler named(std::string name) {
    return [this, name](Request, const auto&) { called_ = name; };
  }

  std::string find(std::string_view method, std::string_view path) {
    const auto match = router_.find(method, path);
    if (const auto* wrong = std::get_if<Router::WrongMethod>(&match)) {
      return "405 " + wrong->allowed;
    }
    if (std::holds_alternative<Router::NoSuchPath>(match)) return "404";
    (*std::get<Router::Shared>(match))({}, {});
    return called_;
  }

  Router router_;
  std::string called_;
};

TEST_F(RouterTest, ExactBeforeLongestPrefix) {
  router_.addPrefix("GET", "/", named("root"));
  router_.addPrefix("GET", "/ipfs/", named("ipfs"));
  router_.addPrefix("GET", "/ipfs/special/", named("special"));
  router_.add("GET", "/ipfs/x", named("x"));
  EXPECT_EQ(find("GET", "/ipfs/x"), "x");
  EXPECT_EQ(find("GET", "/ipfs/xy"), "ipfs");
  EXPECT_EQ(find("GET", "/ipfs/special/a"), "special");
  EXPECT_EQ(find("GET", "/ipfs/special"), "ipfs");
  EXPECT_EQ(find("GET", "/ipfs"), "root");
  EXPECT_EQ(find("GET", "/"), "root");
  EXPECT_EQ(find("GET", "/zzz"), "root");
}

TEST_F(RouterTest, HeadIsAnsweredByGetUnlessItHasItsOwn) {
  router_.add("GET", "/a", named("get"));
  router_.add("GET", "/b", named("get"));
  router_.add("HEAD", "/b", named("head"));
  EXPECT_EQ(find("HEAD", "/a"), "get");
  EXPECT_EQ(find("HEAD", "/b"), "head");
}

TEST_F(RouterTest, WrongMethodListsTheRightOnes) {
  router_.add("GET", "/a", named("a"));
  router_.add("POST", "/a", named("a"));
  router_.addPrefix("DELETE", "/", named("any"));
  EXPECT_EQ(find("PUT", "/a"), "405 DELETE, GET, HEAD, POST");
  EXPECT_EQ(find("DELETE", "/a"), "any");
  EXPECT_EQ(find("get", "/a"), "405 DELETE, GET, HEAD, POST");
}

TEST_F(RouterTest, NothingThere) {
  router_.add("GET", "/a", named("a"));
  EXPECT_EQ(find("GET", "/a/"), "404");
  EXPECT_EQ(find("GET", "/A"), "404");
  EXPECT_EQ(find("GET", ""), "404");
}

}  // namespace
}  // namespace webpool::net

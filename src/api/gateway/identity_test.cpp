#include "api/gateway/identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace webpool::api::gateway {
namespace {

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/webpool-identity-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(IdentityTest, IsMadeOnceAndKept) {
  const auto file = folder_ / "sub/key.pem";
  const auto first = keptPeerId(file);
  ASSERT_TRUE(first) << first.error().describe();
  EXPECT_TRUE(first->starts_with("12D3KooW")) << *first;
  EXPECT_EQ(keptPeerId(file).value(), *first);
  EXPECT_NE(keptPeerId(folder_ / "other.pem").value(), *first);
  struct stat state{};
  ASSERT_EQ(::stat(file.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600u);
}

TEST_F(IdentityTest, AKeyOfKnownBytesHasItsKnownName) {
  // The private key of RFC 8410's example, whose public half is
  // 19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1.
  const auto file = folder_ / "key.pem";
  ASSERT_TRUE(
      base::writeFileAtomically(file,
                                "-----BEGIN PRIVATE KEY-----\n"
                                "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                "-----END PRIVATE KEY-----\n"));
  EXPECT_EQ(keptPeerId(file).value(), "12D3KooWBYsWyhEg11Pgw2oQ5qkouQAXdRgEnqby9CZFg7y7smVi");
}

TEST_F(IdentityTest, AFileThatHoldsSomethingElseStays) {
  const auto file = folder_ / "key.pem";
  ASSERT_TRUE(base::writeFileAtomically(file, "no key"));
  EXPECT_EQ(keptPeerId(file).error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(base::readFile(file).value(), "no key");
}

TEST(HttpMultiaddresses, NameTheKindOfHost) {
  const std::vector<std::string> hosts{"192.0.2.1", "2001:db8::1", "node.example"};
  EXPECT_EQ(httpMultiaddresses(hosts, 80),
            (std::vector<std::string>{"/ip4/192.0.2.1/tcp/80/http", "/ip6/2001:db8::1/tcp/80/http",
                                      "/dns/node.example/tcp/80/http"}));
}

}  // namespace
}  // namespace webpool::api::gateway

#include "cli/link_ttl.h"

#include <gtest/gtest.h>

namespace webpool::cli {
namespace {

TEST(LinkTtl, AWholeNumberWithItsUnit) {
  EXPECT_EQ(parseLinkTtl("90m"), 5400u);
  EXPECT_EQ(parseLinkTtl("24h"), 86400u);
  EXPECT_EQ(parseLinkTtl("30d"), 30u * 86400);
  for (const auto* wrong :
       {"", "24", "5 parsecs", "0s", "31d", "-1h", "1.5h", "99999999999999999999d", "1h 2m"}) {
    EXPECT_EQ(parseLinkTtl(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace webpool::cli

#include "pool/other_engine.h"

#include <gtest/gtest.h>

namespace webpool::pool {
namespace {

TEST(OtherEngine, ChromiumsRelativesAreOneEngine) {
  EXPECT_EQ(otherEngineThan("chromium", {"chromium", "edge", "chrome", "firefox", "webkit"}),
            "firefox");
  EXPECT_EQ(otherEngineThan("edge", {"webkit", "chromium"}), "webkit");
  EXPECT_EQ(otherEngineThan("firefox", {"firefox", "chromium-webnn"}), "chromium-webnn");
}

TEST(OtherEngine, ThereMayBeNone) {
  EXPECT_EQ(otherEngineThan("chromium", {}), std::nullopt);
  EXPECT_EQ(otherEngineThan("chromium", {"chromium", "chromium-webnn", "chrome"}), std::nullopt);
  EXPECT_EQ(otherEngineThan("a joined device", {"chromium", "firefox"}), std::nullopt);
}

}  // namespace
}  // namespace webpool::pool

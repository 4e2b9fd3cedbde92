#include "pool/sharing_desk.h"

#include <gtest/gtest.h>

namespace webpool::pool {
namespace {

wire::Load load() {
  wire::Load load;
  load.files.push_back({.path = "model.onnx", .cid = "bafkone", .size = 3});
  return load;
}

TEST(SharingDesk, ALoadWithoutPartInItTellsItsPage) {
  net::EventLoop loop;
  SharingDesk desk(loop);
  desk.pageCame("page", {});
  for (const auto sharing : {PeerSharing::Off, PeerSharing::Auto}) {
    auto message = load();
    EXPECT_EQ(desk.loadBegan("page", message, sharing, true), 0u);
    ASSERT_TRUE(message.options.contains("sharing"));
    EXPECT_EQ(message.options.at("sharing"), boost::json::value(false));
  }
  auto message = load();
  EXPECT_EQ(desk.loadBegan("unknown", message, PeerSharing::On, true), 0u);
  EXPECT_TRUE(message.options.contains("sharing"));
}

TEST(SharingDesk, ALoadThatSharesSaysNothing) {
  net::EventLoop loop;
  SharingDesk desk(loop);
  desk.pageCame("page", {});
  auto here = load();
  EXPECT_NE(desk.loadBegan("page", here, PeerSharing::On, true), 0u);
  EXPECT_FALSE(here.options.contains("sharing"));
  auto joined = load();
  EXPECT_NE(desk.loadBegan("page", joined, PeerSharing::Auto, false), 0u);
  EXPECT_FALSE(joined.options.contains("sharing"));
}

}  // namespace
}  // namespace webpool::pool

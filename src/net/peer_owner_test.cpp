#include "net/peer_owner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "net/test_websocket.h"

namespace webpool::net {
namespace {

// 50000 is C350, 8080 is 1F90.
constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0\n"
    "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0\n"
    "   2: 0100007F:C350 0100007F:1F90 06 00000000:00000000 03:00000261 00000000     0        0\n"
    "   3: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1234        0\n";

TEST(PeerOwner, IsTheOneOfTheOtherEnd) {
  EXPECT_EQ(ownerInTable(kTable, 50000, 8080), 1234u);
  EXPECT_EQ(ownerInTable(kTable, 8080, 50000), 1000u);
}

TEST(PeerOwner, NobodyIsGuessed) {
  EXPECT_EQ(ownerInTable(kTable, 50001, 8080), std::nullopt);
  EXPECT_EQ(ownerInTable("", 50000, 8080), std::nullopt);
  EXPECT_EQ(ownerInTable(kTable.substr(0, kTable.size() - 24), 50000, 8080), std::nullopt);
  EXPECT_EQ(peerOwner("192.0.2.1:50000", 8080), std::nullopt);
  EXPECT_EQ(peerOwner("127.0.0.1:x", 8080), std::nullopt);
  EXPECT_EQ(peerOwner("127.0.0.1:1", 1), std::nullopt);
}

class LivePeer : public WebSocketTest {};

TEST_F(LivePeer, IsThisProgramsUser) {
  serve();
  const auto client = connect();
  onLoop([this] { EXPECT_EQ(peerOwner(last().info.peer, server_->port()), ::geteuid()); });
}

}  // namespace
}  // namespace webpool::net

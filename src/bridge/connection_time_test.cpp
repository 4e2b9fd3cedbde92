#include "bridge/connection_time.h"

#include <gmock/gmock.h>

namespace webpool::bridge {
namespace {

using std::chrono::milliseconds;

TEST(ConnectionTime, CountsFromThePageOnAndBusyApart) {
  ConnectionTime time;
  const ConnectionTime::TimePoint start{milliseconds(1000)};
  const auto to = [&](const char* connection, const char* state, int ms) {
    time.changed(
        connection,
        {.from = "", .to = state, .reason = "", .detail = "", .at = start + milliseconds(ms)});
  };
  to("a", "starting", 0);
  to("a", "probing", 10);
  to("a", "gated", 20);
  to("b", "gated", 30);
  to("a", "ready", 40);
  to("a", "busy", 50);
  to("a", "ready", 80);
  to("b", "dead", 90);
  const auto totals = time.totals(start + milliseconds(100));
  EXPECT_EQ(totals.current, 1U);
  EXPECT_EQ(totals.peak, 2U);
  EXPECT_EQ(totals.thereMs, 80 + 60);
  EXPECT_EQ(totals.busyMs, 30);
}

TEST(ConnectionTime, ThePeakOfAServerIsWhatWasSeen) {
  const auto of = [](const char* state) {
    ConnectionStats one;
    one.state = state;
    return one;
  };
  ConnectionTime time;
  time.seen({of("ready"), of("busy"), of("starting")});
  time.seen({of("ready")});
  EXPECT_EQ(time.totals({}).peak, 2U);
}

}  // namespace
}  // namespace webpool::bridge

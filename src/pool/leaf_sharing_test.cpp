#include "pool/leaf_sharing.h"

#include <gmock/gmock.h>

namespace webpool::pool {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kAuto = PeerSharing::Auto;
constexpr auto kOn = PeerSharing::On;

class LeafSharingTest : public testing::Test {
 protected:
  LeafSharing::LoadId begin(const std::string& page, PeerSharing how, bool here = false,
                            const std::vector<std::string>& cids = {"file"}) {
    return sharing.loadBegan(page, cids, how, here, now);
  }
  /// "a: file b c" for each page that is told something.
  std::vector<std::string> tells() {
    std::vector<std::string> all;
    for (const auto& tell : sharing.takeTells()) {
      EXPECT_EQ(tell.peers.self, tell.page);
      std::string text = tell.page + ':';
      for (const auto& file : tell.peers.files) {
        text += ' ' + file.cid;
        for (const auto& peer : file.peers) text += ' ' + peer;
      }
      all.push_back(text);
    }
    return all;
  }

  base::TimePoint now{};
  LeafSharing sharing{};
};

TEST_F(LeafSharingTest, AskedForItBeginsWithTheSecondPage) {
  const auto a = begin("a", kOn, true);
  EXPECT_THAT(tells(), IsEmpty());
  EXPECT_FALSE(sharing.mayTalk("a", "b"));
  begin("b", kOn, true);
  EXPECT_THAT(tells(), ElementsAre("a: file b", "b: file a"));
  EXPECT_TRUE(sharing.mayTalk("a", "b"));
  EXPECT_TRUE(sharing.mayTalk("b", "a"));
  EXPECT_FALSE(sharing.mayTalk("a", "c"));
  sharing.fetched(a, 5, 10, now + 1s);
  EXPECT_THAT(tells(), IsEmpty()) << "nothing is said twice";
}

TEST_F(LeafSharingTest, APageThatHasTheFileGivesIt) {
  const auto a = begin("a", kOn);
  sharing.fetched(a, 10, 10, now);
  sharing.loadEnded(a, true);
  EXPECT_FALSE(sharing.mayTalk("a", "b"));
  const auto b = begin("b", kOn);
  EXPECT_THAT(tells(), ElementsAre("b: file a")) << "who has all needs to know of nobody";
  EXPECT_TRUE(sharing.mayTalk("a", "b"));
  sharing.fetched(b, 10, 10, now);
  EXPECT_FALSE(sharing.mayTalk("a", "b")) << "nobody fetches it any more";
}

TEST_F(LeafSharingTest, WhoseLoadFailedHasNothingToGive) {
  const auto a = begin("a", kOn);
  sharing.loadEnded(a, false);
  begin("b", kOn);
  EXPECT_THAT(tells(), IsEmpty());
}

TEST_F(LeafSharingTest, WhoLeavesIsNamedNoMore) {
  begin("a", kOn);
  begin("b", kOn);
  begin("c", kOn);
  tells();
  sharing.pageLeft("b");
  EXPECT_THAT(tells(), ElementsAre("a: file c", "c: file a"));
  EXPECT_FALSE(sharing.mayTalk("a", "b"));
}

TEST_F(LeafSharingTest, OffTakesNoPart) {
  EXPECT_EQ(begin("a", PeerSharing::Off), 0U);
  begin("b", kOn);
  sharing.fetched(0, 1, 2, now);
  sharing.loadEnded(0, true);
  EXPECT_THAT(tells(), IsEmpty());
}

TEST_F(LeafSharingTest, ByItselfItBeginsWhenSeveralGetLittle) {
  const auto a = begin("a", kAuto);
  const auto b = begin("b", kAuto);
  const auto c = begin("c", kAuto);
  EXPECT_EQ(begin("here", kAuto, true), 0U) << "its bytes don't cross the uplink";
  now += 1s;
  for (const auto load : {a, b, c}) sharing.fetched(load, 100'000, 50'000'000, now);
  EXPECT_THAT(tells(), IsEmpty()) << "too early to tell";
  now += 2s;
  sharing.fetched(a, 1'000'000, 50'000'000, now);
  sharing.fetched(b, 1'000'000, 50'000'000, now);
  const auto young = begin("young", kAuto);
  sharing.fetched(young, 1, 50'000'000, now);
  EXPECT_THAT(tells(), IsEmpty()) << "two are known to be slow";
  sharing.fetched(c, 1'000'000, 50'000'000, now);
  EXPECT_THAT(tells(), ElementsAre("a: file b c young", "b: file a c young", "c: file a b young",
                                   "young: file a b c"));
  sharing.pageLeft("young");
  tells();
  begin("d", kAuto);
  EXPECT_THAT(tells(),
              ElementsAre("a: file b c d", "b: file a c d", "c: file a b d", "d: file a b c"))
      << "once begun it goes on";
}

TEST_F(LeafSharingTest, ByItselfItDoesNotBeginWhereTheWayIsFast) {
  std::vector<LeafSharing::LoadId> loads;
  for (const auto* page : {"a", "b", "c"}) loads.push_back(begin(page, kAuto));
  now += 5s;
  for (const auto load : loads) sharing.fetched(load, 40'000'000, 50'000'000, now);
  EXPECT_THAT(tells(), IsEmpty());
}

TEST_F(LeafSharingTest, EachFileHasItsOwnPages) {
  begin("a", kOn, false, {"x", "y"});
  begin("b", kOn, false, {"y", "z"});
  EXPECT_THAT(tells(), ElementsAre("a: y b", "b: y a"));
}

TEST(WithAddress, PutsTheConnectionsAddressInThePlaceOfAName) {
  const std::string candidate =
      R"({"candidate":"candidate:1 1 udp 2113937151 0a-b.local 54400 typ host","sdpMid":"0"})";
  EXPECT_EQ(
      withAddress(candidate, "192.0.2.7:40000"),
      R"({"candidate":"candidate:1 1 udp 2113937151 192.0.2.7 54400 typ host","sdpMid":"0"})");
  EXPECT_EQ(withAddress("x a.local 1", "[fd00::7]:4"), "x fd00::7 1");
  EXPECT_EQ(withAddress("x a.local 1", "[::ffff:192.0.2.7]:4"), "x 192.0.2.7 1");
  EXPECT_EQ(withAddress("x 192.0.2.9 1", "192.0.2.7:4"), "") << "it has an address";
  EXPECT_EQ(withAddress("x a.local 1", "127.0.0.1:4"), "") << "nobody else's way to it";
  EXPECT_EQ(withAddress("x a.local 1", ""), "");
  EXPECT_EQ(withAddress("a.local 1", "192.0.2.7:4"), "");
}

}  // namespace
}  // namespace webpool::pool

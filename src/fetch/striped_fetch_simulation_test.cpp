// Striping in simulated time over simulated sources (testing/simulated_sources.h): what the policy
// does with them, not what a network does.
#include <gmock/gmock.h>

#include "fetch/testing/simulated_sources.h"

namespace webpool::fetch {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kLeaf = 1u << 20;

double timeOf(std::vector<SimulatedSource> sources, unsigned pieces) {
  SimulatedTransfer transfer(std::move(sources), 1);
  transfer.addPieces(pieces, kLeaf);
  const auto seconds = transfer.run();
  EXPECT_TRUE(transfer.fetch.isDone());
  return seconds;
}

TEST(StripedFetchSimulation, TwoEqualSourcesAreNearlyTwiceAsFastAsOne) {
  for (const double rate : {2e6, 10e6, 50e6}) {
    for (const auto delay : {milliseconds(1), milliseconds(20), milliseconds(100)}) {
      const SimulatedSource source{.bytesPerSecond = rate, .delay = delay};
      const auto pieces = std::max(64u, unsigned(rate * 5 / kLeaf));  // five seconds at least
      const auto ratio = timeOf({source}, pieces) / timeOf({source, source}, pieces);
      EXPECT_GE(ratio, 1.9) << rate << " bytes/s, " << delay.count() << " ms";
      EXPECT_LE(ratio, 2.1);
    }
  }
}

TEST(StripedFetchSimulation, UnequalSourcesAddUp) {
  const SimulatedSource quick{.bytesPerSecond = 30e6}, slow{.bytesPerSecond = 10e6};
  const auto alone = timeOf({quick}, 100);
  EXPECT_GE(alone / timeOf({quick, slow}, 100), 1.33 * 0.93);
  EXPECT_GE(alone / timeOf({slow, quick}, 100), 1.33 * 0.93);
  const auto three = timeOf({quick, slow, {.bytesPerSecond = 20e6}}, 100);
  EXPECT_GE(alone / three, 2 * 0.9);
}

TEST(StripedFetchSimulation, AVerySlowSourceHoldsNothingUp) {
  const SimulatedSource quick{.bytesPerSecond = 20e6};
  const auto alone = timeOf({quick}, 50);
  for (const double rate : {1e3, 1e4, 1e5, 1e6}) {
    const SimulatedSource slow{.bytesPerSecond = rate, .delay = milliseconds(500)};
    EXPECT_LE(timeOf({quick, slow}, 50), alone * 1.1) << rate;
    EXPECT_LE(timeOf({slow, quick}, 50), alone * 1.1 + 1) << rate;
  }
}

TEST(StripedFetchSimulation, ASourceThatGetsStuckHoldsNothingUp) {
  const SimulatedSource good{.bytesPerSecond = 20e6};
  const auto alone = timeOf({good}, 50);
  for (const double when : {0.0, 0.1, 0.5, 1.0, 1.3}) {
    EXPECT_LE(timeOf({good, {.bytesPerSecond = 20e6, .stuckFrom = when}}, 50), alone * 1.3) << when;
  }
  EXPECT_LE(timeOf({{.silent = 1}, good}, 50), alone + 1) << "never says anything";
}

TEST(StripedFetchSimulation, SmallPiecesFillALongLine) {
  SimulatedTransfer transfer({{.bytesPerSecond = 20e6, .delay = milliseconds(50)}}, 1);
  transfer.addPieces(400, 256u << 10);
  const auto atBest = 400.0 * (256u << 10) / 20e6;
  EXPECT_LE(transfer.run(), atBest * 1.3);
}

TEST(StripedFetchSimulation, LittleIsAskedForTwice) {
  const SimulatedSource source{.bytesPerSecond = 10e6};
  SimulatedTransfer transfer({source, source, source}, 1);
  transfer.addPieces(200, kLeaf);
  transfer.run();
  EXPECT_LE(transfer.asked.size(), 210u);
}

/// Sources at random, nearly all of them bad in some way; one is honest, and slow.
std::vector<SimulatedSource> badCompany(std::mt19937& random) {
  const auto share = [&] { return std::uniform_real_distribution<>(0, 1)(random); };
  std::vector<SimulatedSource> sources;
  for (auto i = random() % 5; i > 0; --i) {
    SimulatedSource bad{.bytesPerSecond = std::exp(share() * 10 + 8),
                        .delay = milliseconds(random() % 2000)};
    switch (random() % 6) {
      case 0:
        bad.lies = share();
        break;
      case 1:
        bad.fails = share();
        break;
      case 2:
        bad.lacks = share();
        break;
      case 3:
        bad.silent = share();
        break;
      case 4:
        bad.stuckFrom = share() * 5;
        break;
      default:
        bad.lies = bad.fails = bad.lacks = bad.silent = share() / 2;
    }
    sources.push_back(bad);
  }
  const SimulatedSource honest{.bytesPerSecond = 2e6, .delay = milliseconds(random() % 300)};
  sources.insert(sources.begin() + static_cast<std::ptrdiff_t>(random() % (sources.size() + 1)),
                 honest);
  return sources;
}

TEST(StripedFetchSimulation, OneHonestSourceIsEnough) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    SimulatedTransfer transfer(badCompany(random), seed);
    const unsigned pieces = 1 + random() % 40;
    transfer.addPieces(pieces, 1 + random() % kLeaf);
    const auto seconds = transfer.run(3600);
    ASSERT_TRUE(transfer.fetch.isDone())
        << "seed " << seed << " after " << seconds << " simulated seconds"
        << (transfer.fetch.failure() ? transfer.fetch.failure()->describe() : "");
    // What the honest one needs alone, and some time to find out about the others.
    EXPECT_LE(seconds, pieces * (double(kLeaf) / 2e6 + 0.4) * 2 + 30) << "seed " << seed;
    std::uint64_t arrived = 0;
    const auto reports = transfer.fetch.reports();
    for (SourceId source = 0; source < reports.size(); ++source) {
      arrived += reports[source].pieces;
      EXPECT_EQ(reports[source].lied, transfer.liars.contains(source));
    }
    EXPECT_EQ(arrived, pieces);
  }
}

TEST(StripedFetchSimulation, WithoutAnHonestSourceItEnds) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    std::vector<SimulatedSource> sources{{.lies = 1}, {.fails = 1}, {.lacks = 1}, {.silent = 1}};
    std::ranges::shuffle(sources, random);
    sources.resize(1 + random() % 4);
    SimulatedTransfer transfer(sources, seed);
    transfer.addPieces(1 + random() % 20, kLeaf);
    const auto seconds = transfer.run(36000);
    ASSERT_TRUE(transfer.fetch.failure()) << "seed " << seed;
    EXPECT_LE(seconds, 600);
    EXPECT_EQ(transfer.fetch.requests(), 0u);
    for (SourceId source = 0; source < sources.size(); ++source) {
      EXPECT_THAT(transfer.fetch.failure()->message,
                  testing::HasSubstr("simulated " + std::to_string(source)));
    }
  }
}

}  // namespace
}  // namespace webpool::fetch

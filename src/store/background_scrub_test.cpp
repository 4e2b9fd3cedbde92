#include "store/background_scrub.h"

#include <gtest/gtest.h>

#include <semaphore>

#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

class BackgroundScrubTest : public StoreTest {
 protected:
  cid::Cid add(const std::string& name, const std::string& contents) {
    return store_->importPath(file(name, contents)).value().root;
  }
  /// Keeps size and time, as rot does.
  void rot(const cid::Cid& cid) {
    const auto path = storeFolder() / "files" / cid::hexText(store_->describe(cid)->sha256.value());
    const auto time = std::filesystem::last_write_time(path);
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).put('?');
    std::filesystem::last_write_time(path, time);
  }
};

TEST_F(BackgroundScrubTest, GoesRoundAndRoundAndTellsWhatRotted) {
  const auto good = add("good", pattern(3000));
  const auto bad = add("bad", pattern(5000));
  std::counting_semaphore<> rounds{0};
  std::mutex mutex;
  std::vector<cid::Cid> damaged;
  BackgroundScrub scrub(*store_, {.bytesPerSecond = 0,
                                  .pause = std::chrono::seconds(0),
                                  .onDamage =
                                      [&](const cid::Cid& cid, const Error& error) {
                                        EXPECT_EQ(error.category, ErrorCategory::Integrity);
                                        const std::lock_guard lock(mutex);
                                        damaged.push_back(cid);
                                      },
                                  .onRound =
                                      [&](const Result<ScrubReport>& report) {
                                        EXPECT_TRUE(report);
                                        rounds.release();
                                      }});
  for (int i = 0; i < 2; ++i) rounds.acquire();
  {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(damaged.empty());
  }
  EXPECT_GE(scrub.state().rounds, 2u);
  EXPECT_GE(scrub.state().bytes, 2u * 8000);
  rot(bad);
  // Rounds that ended before tell nothing, and the one that runs now may have passed it already.
  while (rounds.try_acquire()) continue;
  for (int i = 0; i < 2; ++i) rounds.acquire();
  EXPECT_FALSE(store_->resolve(bad));
  EXPECT_TRUE(store_->resolve(good));
  const std::lock_guard lock(mutex);
  ASSERT_FALSE(damaged.empty());
  for (const auto& cid : damaged) EXPECT_EQ(cid, bad);
}

TEST_F(BackgroundScrubTest, EndsInTheMiddleOfASlowRound) {
  add("large", pattern(20u << 20));
  std::atomic<bool> ended = false;
  {
    BackgroundScrub scrub(*store_,
                          {.bytesPerSecond = 1, .onRound = [&](const auto&) { ended = true; }});
  }
  EXPECT_FALSE(ended);
  EXPECT_TRUE(store_->scrub());
}

TEST_F(BackgroundScrubTest, EndsInItsPause) {
  add("small", "x");
  std::binary_semaphore round{0};
  BackgroundScrub scrub(*store_,
                        {.bytesPerSecond = 0, .onRound = [&](const auto&) { round.release(); }});
  round.acquire();
  EXPECT_EQ(scrub.state().rounds, 1u);
}

}  // namespace
}  // namespace webpool::store

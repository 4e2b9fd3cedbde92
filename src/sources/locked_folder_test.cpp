#include "sources/locked_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <semaphore>
#include <thread>

namespace webpool::sources {
namespace {

namespace fs = std::filesystem;

class LockedFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/webpool-locked-folder-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(LockedFolderTest, StaysWithWhatIsInItUntilItIsRemoved) {
  const auto path = folder_ / "a/b";
  {
    const auto folder = LockedFolder::open(path, {});
    ASSERT_TRUE(folder) << folder.error().describe();
    std::ofstream(folder->path() / "part") << "half";
  }
  auto again = LockedFolder::open(path, {});
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_TRUE(fs::exists(path / "part"));
  fs::create_directories(path / "c/d");
  std::move(*again).remove();
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LockedFolderTest, WhoWaitsForOneThatIsRemovedGetsANewOne) {
  const auto path = folder_ / "a";
  auto first = LockedFolder::open(path, {});
  ASSERT_TRUE(first) << first.error().describe();
  std::binary_semaphore waits(0);
  auto other = std::async(std::launch::async,
                          [&] { return LockedFolder::open(path, {}, [&] { waits.release(); }); });
  waits.acquire();
  std::ofstream(path / "part") << "half";
  std::move(*first).remove();
  const auto second = other.get();
  ASSERT_TRUE(second) << second.error().describe();
  EXPECT_TRUE(fs::exists(path));
  EXPECT_FALSE(fs::exists(path / "part"));
}

TEST_F(LockedFolderTest, AStopIsHeardWhileItWaits) {
  const auto path = folder_ / "a";
  const auto first = LockedFolder::open(path, {});
  ASSERT_TRUE(first) << first.error().describe();
  std::stop_source stop;
  const auto second = LockedFolder::open(path, stop.get_token(), [&] { stop.request_stop(); });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().category, ErrorCategory::Cancelled);
}

/// Each finds the folder empty, and what it puts there stays while it has it.
TEST_F(LockedFolderTest, ManyThatRemoveItDoNotMeet) {
  const auto path = folder_ / "a";
  std::atomic<int> wrong = 0;
  std::atomic<int> failed = 0;
  const auto use = [&] {
    for (int round = 0; round < 20; ++round) {
      auto folder = LockedFolder::open(path, {});
      if (!folder) {
        ++failed;
        continue;
      }
      wrong += fs::exists(path / "part") ? 1 : 0;
      std::ofstream(path / "part") << "x";
      std::this_thread::yield();
      wrong += fs::exists(path / "part") ? 0 : 1;
      std::move(*folder).remove();
    }
  };
  {
    const std::jthread one(use), two(use), three(use);
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(wrong, 0);
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace webpool::sources

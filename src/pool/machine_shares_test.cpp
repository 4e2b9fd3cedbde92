#include "pool/machine_part.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace webpool::pool {
namespace {

namespace fs = std::filesystem;

class Shares : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "webpool-shares-XXXXXX").native();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = fs::path(name) / "running";
  }
  void TearDown() override { fs::remove_all(folder_.parent_path()); }

  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(Shares, APoolSeesTheOthersAndNotItself) {
  auto one = MachineShares::join(folder_);
  ASSERT_TRUE(one) << one.error().describe();
  EXPECT_TRUE(one->others().empty());
  {
    auto two = MachineShares::join(folder_);
    ASSERT_TRUE(two);
    two->publish({.threads = 3, .memory = 1ULL << 40});
    const auto seen = one->others();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].pid, ::getpid());
    EXPECT_EQ(seen[0].share, (sched::PoolShare{.threads = 3, .memory = 1ULL << 40}));
    two->publish({});
    EXPECT_EQ(one->others()[0].share, sched::PoolShare{});
    ASSERT_EQ(two->others().size(), 1u);
  }
  EXPECT_TRUE(one->others().empty());
  EXPECT_EQ(files(), 1u);
}

/// In another process, which tells a pipe when it is in and then waits for its end.
pid_t poolInAnotherProcess(const fs::path& folder) {
  int ready[2];
  if (::pipe(ready) != 0) return -1;
  const auto pid = ::fork();
  if (pid == 0) {
    auto share = MachineShares::join(folder);
    if (share) share->publish({.threads = 2, .memory = 7});
    [[maybe_unused]] const auto written = ::write(ready[1], share ? "y" : "n", 1);
    while (true) ::pause();
  }
  char said = 'n';
  EXPECT_EQ(::read(ready[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  ::close(ready[0]);
  ::close(ready[1]);
  return pid;
}

TEST_F(Shares, WhatADeadProcessLeftDoesNotCount) {
  auto mine = MachineShares::join(folder_);
  ASSERT_TRUE(mine);
  const auto other = poolInAnotherProcess(folder_);
  ASSERT_GT(other, 0);
  const auto seen = mine->others();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].pid, other);
  EXPECT_EQ(seen[0].share, (sched::PoolShare{.threads = 2, .memory = 7}));
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_EQ(files(), 2u) << "it could not take its file away";
  EXPECT_TRUE(mine->others().empty());
  EXPECT_EQ(files(), 1u);
}

TEST_F(Shares, WhatIsNoEntryIsLeftAlone) {
  auto mine = MachineShares::join(folder_);
  ASSERT_TRUE(mine);
  std::ofstream(folder_ / "notes.txt") << "somebody's";
  EXPECT_TRUE(mine->others().empty());
  EXPECT_TRUE(fs::exists(folder_ / "notes.txt"));
  EXPECT_FALSE(MachineShares::join("/proc/none"));
}

TEST_F(Shares, APartIsWhatTheOthersLeave) {
  constexpr std::uint64_t kMemory = 1000;
  MachinePart mine(std::move(*MachineShares::join(folder_)), 4, kMemory);
  const auto alone = mine.update(0, 0);
  EXPECT_EQ(alone.cores, 4U);
  EXPECT_EQ(alone.memory, 0U) << "no limit";
  EXPECT_TRUE(alone.others.empty());
  auto other = MachineShares::join(folder_);
  ASSERT_TRUE(other);
  const auto beside = mine.update(9, 70);
  EXPECT_EQ(beside.cores, 4U) << "it is idle";
  EXPECT_EQ(beside.coresOfEach, 2U) << "but may want its part later";
  EXPECT_EQ(beside.memory, 800U);
  EXPECT_EQ(other->others().at(0).share, (sched::PoolShare{.threads = 4, .memory = 70}))
      << "never more threads than there are cores";
  other->publish({.threads = 4, .memory = 300});
  const auto shared = mine.update(0, 70);
  EXPECT_EQ(shared.cores, 2U);
  EXPECT_EQ(shared.memory, 500U);
  EXPECT_EQ(other->others().at(0).share.threads, 4U) << "lately";
  (void)mine.update(0, 70);
  EXPECT_EQ(other->others().at(0).share.threads, 0U);
}

TEST(MachineMemory, IsSomeOfThisMachine) {
  EXPECT_GT(machineMemory(), std::uint64_t{1} << 20);
  EXPECT_LT(machineMemory(), std::uint64_t{1} << 50);
}

}  // namespace
}  // namespace webpool::pool

#include "browsers/profile_store.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "browsers/browser_record.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Profiles : public testing::Test {
 protected:
  ProfileStore store() const { return {cache_, base::systemRandom()}; }

  test::TempFolder folder_;
  fs::path cache_ = folder_.path() / "cache";
};

TEST_F(Profiles, TwoHoldersGetTwoSlots) {
  auto first = store().acquire();
  auto second = store().acquire();
  ASSERT_TRUE(first) << first.error().describe();
  ASSERT_TRUE(second);
  EXPECT_EQ(first->folder(), cache_ / "slots/0");
  EXPECT_EQ(second->folder(), cache_ / "slots/1");
}

TEST_F(Profiles, AFreedSlotIsUsedAgainWithItsPortAndProfile) {
  {
    auto slot = store().acquire();
    ASSERT_TRUE(slot);
    EXPECT_EQ(slot->port(), 0);
    ASSERT_TRUE(slot->rememberPort(40123));
    const auto browser = slot->browserFolder("chromium", 0);
    ASSERT_TRUE(browser);
    EXPECT_EQ(browser->root, cache_ / "slots/0/chromium-0");
    test::writeText(browser->profile() / "kept", "x");
  }
  auto again = store().acquire();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->folder(), cache_ / "slots/0");
  EXPECT_EQ(again->port(), 40123);
  EXPECT_TRUE(fs::exists(cache_ / "slots/0/chromium-0/profile/kept"));
}

TEST_F(Profiles, ABadPortFileIsNoPort) {
  auto slot = store().acquire();
  test::writeText(slot->folder() / "port", "99999999");
  EXPECT_EQ(slot->port(), 0);
  test::writeText(slot->folder() / "port", "abc");
  EXPECT_EQ(slot->port(), 0);
}

TEST_F(Profiles, AnEphemeralFolderEndsWithItsHolder) {
  fs::path path;
  {
    auto slot = store().acquire({.ephemeral = true});
    ASSERT_TRUE(slot);
    path = slot->folder();
    EXPECT_EQ(path.parent_path(), cache_ / "ephemeral");
    ASSERT_TRUE(slot->browserFolder("chromium", 0));
    const auto report = store().sweep();
    EXPECT_EQ(report.foldersRemoved, 0u) << "a held folder was swept";
    Slot moved = std::move(*slot);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(fs::exists(cache_ / "ephemeral"));
}

TEST_F(Profiles, ManyHoldersAndSweepersAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        auto slot = store().acquire({.ephemeral = t % 2 == 0});
        if (!slot || !slot->browserFolder("chromium", 0) || !slot->rememberPort(1)) ++failures;
        if (t == 3) store().sweep();
        if (t == 1) store().clean();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_THAT(store().sweep().problems, IsEmpty());
  EXPECT_FALSE(fs::exists(cache_ / "ephemeral"));
}

TEST_F(Profiles, AFolderThatCannotBeWritten) {
  test::writeText(folder_.path() / "file", "in the way");
  for (const auto& path : {folder_.path() / "file", fs::path("/proc/webpool")}) {
    for (const bool ephemeral : {false, true}) {
      const auto slot = ProfileStore(path, base::systemRandom()).acquire({.ephemeral = ephemeral});
      ASSERT_FALSE(slot);
      EXPECT_THAT(slot.error().message, HasSubstr(path.native()));
      EXPECT_THAT(slot.error().hint, HasSubstr("WEBPOOL_CACHE_DIR"));
    }
  }
}

TEST_F(Profiles, SweepsAFolderWhoseHolderDied) {
  test::writeText(cache_ / "ephemeral/1-dead/lock", "");
  test::writeText(cache_ / "ephemeral/1-dead/chromium-0/profile/x", "x");
  test::writeText(cache_ / "ephemeral/2-nolock/chromium-0/x", "x");
  fs::create_directories(cache_ / "ephemeral/3-empty");
  const auto report = store().sweep();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.foldersRemoved, 2u);  // the empty one goes on the way
  EXPECT_FALSE(fs::exists(cache_ / "ephemeral"));
  EXPECT_THAT(store().sweep().problems, IsEmpty());
}

TEST_F(Profiles, SweepingSparesAProcessThatReusesThePid) {
  test::Helper foreign("/bin/sleep", {"100"});
  const auto folder = BrowserFolder{cache_ / "ephemeral/1-dead/chromium-0"};
  fs::create_directories(folder.root);
  test::writeText(cache_ / "ephemeral/1-dead/lock", "");
  BrowserRecord record{.name = "chromium",
                       .marker = "0123456789abcdef",
                       .profileArgument = "--user-data-dir=" + folder.profile().native(),
                       .pid = foreign.process().pid(),
                       .startTime = foreign.process().startTime()};
  ASSERT_TRUE(writeRecord(folder, record));
  // Even the start time is the same: it lacks the marker and the profile.
  EXPECT_EQ(store().sweep().processesEnded, 0u);
  EXPECT_FALSE(fs::exists(folder.root));
  EXPECT_FALSE(foreign.process().exitStatus());

  // A slot is swept when it is acquired, and its profile stays.
  const auto kept = BrowserFolder{cache_ / "slots/0/chromium-0"};
  fs::create_directories(kept.profile());
  record.startTime -= 1;
  ASSERT_TRUE(writeRecord(kept, record));
  ASSERT_TRUE(store().acquire());
  EXPECT_FALSE(fs::exists(kept.record()));
  EXPECT_TRUE(fs::exists(kept.profile()));
  EXPECT_FALSE(foreign.process().exitStatus());
}

TEST_F(Profiles, SweepingEndsWhatHasTheMarker) {
  test::Helper browser("/bin/sh", {"-c", "setsid sleep 100 & echo ready; sleep 100; true"},
                       {"WEBPOOL_BROWSER=feedface"});
  ASSERT_EQ(browser.readLine(), "ready");
  const auto folder = BrowserFolder{cache_ / "slots/0/chromium-0"};
  fs::create_directories(folder.profile());
  test::writeText(cache_ / "slots/0/lock", "");
  ASSERT_TRUE(writeRecord(folder, {"chromium", "feedface", ""}));
  EXPECT_EQ(store().sweep().processesEnded, 3u);
  EXPECT_TRUE(browser.process().exitStatus());
  EXPECT_FALSE(fs::exists(folder.record()));
}

TEST_F(Profiles, ARecordThatIsGarbageIsIgnored) {
  test::writeText(cache_ / "slots/0/lock", "");
  for (const auto* text :
       {"", "{", "[]", "{\"marker\":7}", "{\"marker\":\"\"}", "{\"pid\":-1,\"startTime\":\"x\"}"}) {
    test::writeText(cache_ / "slots/0/chromium-0/browser.json", text);
    const auto report = store().sweep();
    EXPECT_EQ(report.processesEnded, 0u) << text;
    EXPECT_THAT(report.problems, IsEmpty()) << text;
  }
}

TEST_F(Profiles, RecordsRoundTrip) {
  const BrowserFolder folder{folder_.path()};
  ASSERT_TRUE(writeRecord(folder, {"chromium", "mark", "--p=\"x y\"", 12, 1ull << 60, 13, 99}));
  const auto record = readRecord(folder);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, "chromium");
  EXPECT_EQ(record->marker, "mark");
  EXPECT_EQ(record->profileArgument, "--p=\"x y\"");
  EXPECT_EQ(record->pid, 12);
  EXPECT_EQ(record->startTime, 1ull << 60);
  EXPECT_EQ(record->owner, 13);
  EXPECT_EQ(record->ownerStartTime, 99u);
}

TEST_F(Profiles, CleanRemovesAllButWhatIsHeld) {
  auto held = store().acquire();
  ASSERT_TRUE(held);
  {
    auto other = store().acquire();
    ASSERT_TRUE(other);
    test::writeText(other->folder() / "chromium-0/profile/big", std::string(100'000, 'x'));
  }
  test::writeText(cache_ / "ephemeral/1-dead/lock", "");
  test::writeText(cache_ / "models/kept", "x");
  const auto report = store().clean();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.busy, ElementsAre(cache_ / "slots/0"));
  EXPECT_EQ(report.foldersRemoved, 2u);
  EXPECT_GE(report.bytesFreed, 100'000u);
  EXPECT_LT(report.bytesFreed, 400'000u);
  EXPECT_FALSE(fs::exists(cache_ / "slots/1"));
  EXPECT_FALSE(fs::exists(cache_ / "ephemeral"));
  EXPECT_TRUE(fs::exists(cache_ / "models/kept"));
}

TEST_F(Profiles, CleanOfNothing) {
  const auto report = store().clean();
  EXPECT_EQ(report.bytesFreed, 0u);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_FALSE(fs::exists(cache_));
}

}  // namespace
}  // namespace webpool::browsers

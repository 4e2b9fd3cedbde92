// Imports that were broken off, and gone on with.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include <fmt/format.h>

#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr ImportOptions kResume{.resume = true};

int inChild(const std::function<int()>& body) {
  const auto pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class ResumeTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_.reset();
  }
  /// Imports in another process that is killed after so many bytes.
  void killAt(const fs::path& path, std::uint64_t bytes) {
    ASSERT_EQ(inChild([&] {
                auto store = openStore();
                (void)store->importPath(path,
                                        {[&](const Progress& progress) {
                                           if (progress.done >= bytes) ::raise(SIGKILL);
                                         },
                                         {}},
                                        kResume);
                return 0;
              }),
              128 + SIGKILL);
  }
  /// The one kept folder of tmp/, or nothing.
  fs::path kept() const {
    for (const auto& entry : fs::directory_iterator(storeFolder() / "tmp")) {
      if (entry.is_directory()) return entry.path();
    }
    return {};
  }
  /// Another content in the same file, whose modification time is put back.
  static void changeInPlace(const fs::path& path, const std::string& content) {
    const auto time = fs::last_write_time(path);
    const auto target = base::openFile(path, O_WRONLY).value();
    ASSERT_TRUE(base::writeAll(target.get(), std::as_bytes(std::span(content)), path));
    fs::last_write_time(path, time);
  }
  /// When a file was made: a copy that was begun anew is a younger file.
  static std::int64_t born(const fs::path& path) {
    struct statx status{};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &status) != 0) return -1;
    return status.stx_btime.tv_sec * 1'000'000'000 + status.stx_btime.tv_nsec;
  }
};

TEST_F(ResumeTest, ALargeFileGoesOnInTheCopyThatWasBegun) {
  const auto whole = pattern(60u << 20);
  const auto path = file("big", whole);
  killAt(path, 40u << 20);
  ASSERT_NE(kept(), fs::path());
  const auto staged = kept() / "0";
  const auto copied = fs::file_size(staged);
  EXPECT_GE(copied, 24u << 20);
  const auto before = born(staged);
  ASSERT_GT(before, 0);
  store_ = openStore();
  ASSERT_NE(kept(), fs::path());  // not swept
  const auto imported = store_->importPath(path, {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(born(storeFolder() / storedFiles().at(0)), before);
  EXPECT_TRUE(store_->verify(imported->root));
  EXPECT_EQ(store_->findBySha256(cid::sha256(std::as_bytes(std::span(whole)))).value(),
            imported->root);
  EXPECT_EQ(kept(), fs::path());
}

TEST_F(ResumeTest, WhatWasCopiedIsChecked) {
  const auto path = file("big", pattern(60u << 20));
  killAt(path, 40u << 20);
  {
    const auto staged = base::openFile(kept() / "0", O_WRONLY).value();
    ASSERT_EQ(::pwrite(staged.get(), "?????", 5, 3'000'000), 5);
  }
  store_ = openStore();
  const auto imported = store_->importPath(path, {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_TRUE(store_->verify(imported->root));
  const auto fresh = store_->importPath(file("same", pattern(60u << 20)));
  EXPECT_EQ(imported->root, fresh->root);
}

TEST_F(ResumeTest, FilesThatWereDoneAreNotReadAgain) {
  for (int i = 0; i < 20; ++i) {
    file(fmt::format("f/{:02}", i), pattern(static_cast<std::size_t>(3'000'000 + i)));
  }
  killAt(folder_ / "f", 40'000'000);
  const auto folder = kept();
  ASSERT_NE(folder, fs::path());
  const auto first = born(folder / "0");
  ASSERT_GT(first, 0);
  store_ = openStore();
  const auto imported = store_->importPath(folder_ / "f", {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_TRUE(store_->verify(imported->root));
  const auto files = storedFiles();
  EXPECT_EQ(files.size(), 20u);
  EXPECT_TRUE(std::ranges::any_of(
      files, [&](const std::string& name) { return born(storeFolder() / name) == first; }));
  EXPECT_EQ(imported->root, store_->importPath(folder_ / "f")->root);
}

TEST_F(ResumeTest, ASmallCopyThatACrashOfTheMachineToreIsMadeAnew) {
  for (int i = 0; i < 20; ++i) {
    file(fmt::format("f/{:02}", i), pattern(static_cast<std::size_t>(3'000'000 + i)));
  }
  killAt(folder_ / "f", 40'000'000);
  // It was complete, but not yet brought to the disk: size and time came there, the content not.
  const auto staged = kept() / "3";
  const auto time = fs::last_write_time(staged);
  fs::permissions(staged, fs::perms(0644));
  fs::resize_file(staged, 0);
  fs::resize_file(staged, 3'000'003);
  fs::last_write_time(staged, time);
  store_ = openStore();
  const auto imported = store_->importPath(folder_ / "f", {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_TRUE(store_->verify(imported->root));
  EXPECT_EQ(storedFiles().size(), 20u);
  EXPECT_EQ(imported->root, store_->importPath(folder_ / "f")->root);
}

TEST_F(ResumeTest, AChangedSourceBeginsAnew) {
  const auto path = file("big", pattern(60u << 20));
  killAt(path, 40u << 20);
  const auto other = "x" + pattern(60u << 20).substr(1);
  writeFile(path, other);
  store_ = openStore();
  const auto imported = store_->importPath(path, {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(store_->findBySha256(cid::sha256(std::as_bytes(std::span(other)))).value(),
            imported->root);
  EXPECT_TRUE(store_->verify(imported->root));
}

TEST_F(ResumeTest, AChangedSourceWhoseTimeWasPutBackBeginsAnew) {
  const auto whole = pattern(60u << 20);
  const auto path = file("big", whole);
  killAt(path, 40u << 20);
  auto other = whole;
  other[1000] ^= 1;
  other[other.size() - 1000] ^= 1;
  changeInPlace(path, other);
  store_ = openStore();
  const auto imported = store_->importPath(path, {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(store_->findBySha256(cid::sha256(std::as_bytes(std::span(other)))).value(),
            imported->root);
}

TEST_F(ResumeTest, AWholeFileThatWasChangedSinceIsNotTakenInItsOldState) {
  for (int i = 0; i < 20; ++i) {
    file(fmt::format("f/{:02}", i), pattern(static_cast<std::size_t>(3'000'000 + i)));
  }
  killAt(folder_ / "f", 40'000'000);
  for (int i = 0; i < 20; ++i) {
    auto other = pattern(static_cast<std::size_t>(3'000'000 + i));
    other[7] ^= 1;
    changeInPlace(folder_ / "f" / fmt::format("{:02}", i), other);
  }
  store_ = openStore();
  const auto imported = store_->importPath(folder_ / "f", {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(imported->root, store_->importPath(folder_ / "f")->root);
}

TEST_F(ResumeTest, WhatAJournalOfAnEarlierVersionTellsBeginsAnew) {
  const auto path = file("big", pattern(60u << 20));
  killAt(path, 40u << 20);
  const auto journal = kept() / "journal";
  std::istringstream words(base::readFile(journal).value());
  std::string kind, number, size, mtime, ctime, inode, device, name;
  words >> kind >> number >> size >> mtime >> ctime >> inode >> device >> name;
  ASSERT_EQ(name, "x");  // a single file has no path in its tree
  auto line = fmt::format("B {} {} {} {} {}", number, size, mtime, inode, name);
  line += " " + cid::hexText(cid::sha256(std::as_bytes(std::span(line)))).substr(0, 16) + "\n";
  writeFile(journal, line);
  const auto before = born(kept() / "0");
  store_ = openStore();
  const auto imported = store_->importPath(path, {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_NE(born(storeFolder() / storedFiles().at(0)), before);
  EXPECT_TRUE(store_->verify(imported->root));
}

TEST_F(ResumeTest, KilledAgainAndAgainItEnds) {
  const auto path = file("big", pattern(60u << 20));
  for (const auto at : {20u << 20, 32u << 20, 44u << 20}) killAt(path, at);
  store_ = openStore();
  const auto imported = store_->importPath(path, {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_TRUE(store_->verify(imported->root));
}

TEST_F(ResumeTest, ATornJournalCostsOnlyItsLastLine) {
  file("f/a", pattern(3'000'000));
  file("f/b", pattern(3'000'001));
  file("f/c", pattern(50'000'000));
  killAt(folder_ / "f", 30'000'000);
  const auto journal = kept() / "journal";
  fs::resize_file(journal, fs::file_size(journal) - 3);
  store_ = openStore();
  const auto imported = store_->importPath(folder_ / "f", {}, kResume);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_TRUE(store_->verify(imported->root));
  EXPECT_EQ(imported->files, 3u);
}

TEST_F(ResumeTest, ACancelledImportIsKeptAndCanBeDropped) {
  const auto path = file("big", pattern(60u << 20));
  store_ = openStore();
  std::stop_source stop;
  const auto cancelled = store_->importPath(
      path, {[&](const Progress&) { stop.request_stop(); }, stop.get_token()}, kResume);
  EXPECT_EQ(cancelled.error().category, ErrorCategory::Cancelled);
  EXPECT_NE(kept(), fs::path());
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(kept())) bytes += entry.file_size();
  EXPECT_GT(bytes, 0u);
  EXPECT_EQ(store_->dropUnfinished(true).value(), bytes);
  EXPECT_NE(kept(), fs::path());
  EXPECT_EQ(store_->dropUnfinished().value(), bytes);
  EXPECT_EQ(kept(), fs::path());
  EXPECT_EQ(store_->dropUnfinished().value(), 0u);
}

TEST_F(ResumeTest, ManyFilesCanBeStoppedWhileTheyArePutInPlace) {
  constexpr int kFiles = 1500;
  for (int i = 0; i < kFiles; ++i) file(fmt::format("f/{}", i), fmt::format("file {}", i));
  store_ = openStore();
  std::stop_source stop;
  std::uint64_t placed = 0;
  const JobOptions job{[&](const Progress& progress) {
                         if (progress.phase != Progress::Phase::Keep) return;
                         EXPECT_GT(progress.done, placed);
                         placed = progress.done;
                         if (placed > progress.total / 2) stop.request_stop();
                       },
                       stop.get_token()};
  const auto cancelled = store_->importPath(folder_ / "f", job, kResume);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().category, ErrorCategory::Cancelled);
  EXPECT_GT(placed, 0u);
  EXPECT_TRUE(store_->pins()->empty());
  EXPECT_TRUE(fs::is_empty(storeFolder() / "files"));
  // All copies are back where the next import finds them.
  const auto copy = kept() / "0";
  const auto made = born(copy);
  EXPECT_TRUE(fs::exists(copy));
  const auto again =
      store_->importPath(folder_ / "f",
                         {[&](const Progress& progress) {
                            if (progress.phase == Progress::Phase::Import) {
                              EXPECT_EQ(born(copy), made);  // read again, and not copied again
                            }
                          },
                          {}},
                         kResume);
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_EQ(again->files, static_cast<std::uint64_t>(kFiles));
  EXPECT_TRUE(store_->verify(again->root));
  EXPECT_EQ(storedFiles().size(), static_cast<std::size_t>(kFiles));
}

TEST_F(ResumeTest, AnOldOneIsSwept) {
  killAt(file("big", pattern(60u << 20)), 40u << 20);
  fs::last_write_time(kept() / "lock",
                      fs::file_time_type::clock::now() - std::chrono::hours(24 * 8));
  store_ = openStore();
  EXPECT_EQ(kept(), fs::path());
}

}  // namespace
}  // namespace webpool::store

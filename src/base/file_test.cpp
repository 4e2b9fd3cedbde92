#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>
#include <utility>

namespace webpool::base {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/webpool-file-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FileTest, AtomicWriteReplacesAndLeavesNoTemporary) {
  const auto path = folder_ / "x";
  ASSERT_TRUE(writeFileAtomically(path, "old"));
  ASSERT_TRUE(writeFileAtomically(path, "new"));
  EXPECT_EQ(readFile(path).value(), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, MissingFileNamesPathAndCause) {
  const auto result = readFile(folder_ / "none");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().category, ErrorCategory::NotFound);
  EXPECT_NE(result.error().message.find((folder_ / "none").native()), std::string::npos);
}

TEST_F(FileTest, AnInputWhosePathHasANulIsNotTheFileOfItsBeginning) {
  ASSERT_TRUE(writeFileAtomically(folder_ / "file", "bytes"));
  const auto refused = readInput((folder_ / "file").native() + std::string("\0zzz", 4), 10, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidInput);
  EXPECT_NE(refused.error().message.find("NUL"), std::string::npos);
}

TEST_F(FileTest, AnInputThatIsNoFileIsRefusedByName) {
  ASSERT_TRUE(writeFileAtomically(folder_ / "file", "bytes"));
  EXPECT_EQ(readInput(folder_ / "file", 10, false).value(), "bytes");
  EXPECT_EQ(readInput(folder_ / "none", 10, false).error().category, ErrorCategory::NotFound);
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::pair<std::filesystem::path, std::string> kinds[] = {
      {folder_, "a folder"}, {"/dev/zero", "a device"}, {pipe, "a pipe"}};
  for (const auto& [path, kind] : kinds) {
    const auto refused = readInput(path, 10, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().category, ErrorCategory::InvalidInput);
    EXPECT_EQ(refused.error().message, path.native() + " is " + kind + ", not a file");
    EXPECT_NE(refused.error().hint, "");
  }
  auto written = std::async(std::launch::async, [&] { std::ofstream(pipe) << "piped"; });
  EXPECT_EQ(readInput(pipe, 10, true).value(), "piped");
}

TEST_F(FileTest, FullDiskIsNoSpace) {
  auto full = openFile("/dev/full", 1);
  ASSERT_TRUE(full);
  const auto written = writeAll(full->get(), std::as_bytes(std::span("x", 1)), "/dev/full");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().category, ErrorCategory::NoSpace);
}

TEST_F(FileTest, LockIsExclusiveWhileHeld) {
  const auto path = folder_ / "lock";
  {
    auto first = FileLock::tryAcquire(path);
    ASSERT_TRUE(first);
    const auto second = FileLock::tryAcquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().category, ErrorCategory::Busy);
  }
  EXPECT_TRUE(FileLock::tryAcquire(path));
}

TEST_F(FileTest, ALockOnWhatWasDeletedIsNone) {
  const auto path = folder_ / "lock";
  std::atomic<bool> inside = false;
  std::atomic<bool> together = false;
  const auto lockAndDelete = [&] {
    for (int held = 0; held < 100;) {
      const auto lock = FileLock::tryAcquire(path);
      if (!lock) continue;
      ++held;
      if (inside.exchange(true)) together = true;
      std::this_thread::yield();
      inside = false;
      std::filesystem::remove(path);
    }
  };
  {
    const std::jthread one(lockAndDelete), two(lockAndDelete), three(lockAndDelete);
  }
  EXPECT_FALSE(together);
}

TEST_F(FileTest, MakeFoldersRefusesAFileInTheWay) {
  std::ofstream(folder_ / "file") << "x";
  EXPECT_TRUE(makeFolders(folder_ / "a/b/c"));
  EXPECT_FALSE(makeFolders(folder_ / "file/b"));
}

}  // namespace
}  // namespace webpool::base

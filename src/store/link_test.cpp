// Files that the store keeps as further names of files outside it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr ImportOptions kLink{.hardLink = true};

struct stat statusOf(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status;
}

class LinkTest : public StoreTest {
 protected:
  void overwrite(const fs::path& path, off_t offset) {
    const auto out = base::openFile(path, O_WRONLY).value();
    ASSERT_EQ(::pwrite(out.get(), "!", 1, offset), 1);
  }
};

TEST_F(LinkTest, IsKeptOnceAndTheModeStays) {
  const auto path = file("model", pattern((2u << 20) + 5));
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const auto imported = store_->importPath(path, {}, kLink);
  ASSERT_TRUE(imported) << imported.error().describe();
  const auto stored = storeFolder() / storedFiles().at(0);
  EXPECT_EQ(statusOf(stored).st_ino, statusOf(path).st_ino);
  EXPECT_EQ(statusOf(path).st_mode & 0777u, 0640u);
  EXPECT_TRUE(store_->describe(imported->root)->linked);
  EXPECT_TRUE(store_->resolve(imported->root));
  EXPECT_TRUE(store_->verify(imported->root));
  // Once more changes nothing.
  ASSERT_TRUE(store_->importPath(path, {}, kLink));
  EXPECT_EQ(statusOf(path).st_nlink, 2u);
  EXPECT_TRUE(store_->resolve(imported->root));
  ASSERT_TRUE(store_->remove(imported->root));
  EXPECT_EQ(statusOf(path).st_nlink, 1u);
  EXPECT_EQ(statusOf(path).st_size, (2 << 20) + 5);
}

TEST_F(LinkTest, ACopyLeavesTheSourceAlone) {
  const auto path = file("model", pattern(100));
  ASSERT_EQ(::chmod(path.c_str(), 0604), 0);
  const auto before = statusOf(path);
  const auto imported = store_->importPath(path);
  ASSERT_TRUE(imported);
  EXPECT_EQ(statusOf(path).st_mode, before.st_mode);
  EXPECT_EQ(statusOf(path).st_ctim.tv_nsec, before.st_ctim.tv_nsec);
  overwrite(path, 3);
  EXPECT_TRUE(store_->verify(imported->root));
}

TEST_F(LinkTest, AChangedSourceIsNotServed) {
  const auto path = file("model", pattern(3u << 20));
  const auto root = store_->importPath(path, {}, kLink)->root;
  overwrite(path, 1'500'000);
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::Integrity);
  EXPECT_EQ(store_->block(root).has_value(), true);  // its node is another thing
  const auto contents = pattern(3u << 20);
  const auto leaf =
      cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(contents)).subspan(1u << 20, 1u << 20));
  EXPECT_EQ(store_->block(leaf).error().category, ErrorCategory::Integrity);
  EXPECT_EQ(store_->verify(root).error().category, ErrorCategory::Integrity);
  // The right bytes heal it, as a copy this time.
  ASSERT_TRUE(store_->importPath(file("again", pattern(3u << 20))));
  EXPECT_TRUE(store_->verify(root));
  EXPECT_FALSE(store_->describe(root)->linked);
}

TEST_F(LinkTest, AChangeThatHidesItsTimeIsNoticed) {
  const auto path = file("model", pattern(5000));
  const auto root = store_->importPath(path, {}, kLink)->root;
  const auto before = statusOf(path);
  overwrite(path, 77);
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::Integrity);
}

TEST_F(LinkTest, ATouchedButEqualSourceIsServedAfterVerify) {
  const auto path = file("model", pattern(5000));
  const auto root = store_->importPath(path, {}, kLink)->root;
  ASSERT_EQ(::unlink(path.c_str()), 0);  // the store's name is the only one now
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::Integrity);
  EXPECT_TRUE(store_->verify(root));
  EXPECT_TRUE(store_->resolve(root));
}

TEST_F(LinkTest, ALinkOverADamagedCopyHealsIt) {
  const auto path = file("model", pattern(5000));
  const auto root = store_->importPath(path)->root;
  const auto stored = storeFolder() / storedFiles().at(0);
  ASSERT_EQ(::chmod(stored.c_str(), 0644), 0);
  overwrite(stored, 5);
  ASSERT_FALSE(store_->verify(root));
  const auto again = store_->importPath(path, {}, kLink);
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_TRUE(store_->resolve(root));
  EXPECT_TRUE(store_->describe(root)->linked);
}

TEST_F(LinkTest, AFileThatChangesWhileItIsReadIsRefused) {
  const auto path = file("model", pattern(40u << 20));
  bool changed = false;
  const auto imported = store_->importPath(path,
                                           {[&](const Progress&) {
                                              if (!changed) overwrite(path, 5);
                                              changed = true;
                                            },
                                            {}},
                                           kLink);
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().category, ErrorCategory::Busy);
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(LinkTest, AFileOfAnotherDiskIsRefused) {
  const auto disk = folder_ / "disk";
  fs::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting is not permitted here";
  }
  writeFile(disk / "model", "x");
  const auto imported = store_->importPath(disk / "model", {}, kLink);
  EXPECT_EQ(imported.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(imported.error().hint, HasSubstr("--link"));
  ::umount2(disk.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace webpool::store

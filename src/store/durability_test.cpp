// The faults of the world: a crash in the middle of an import, a full disk, damaged files, two
// processes on one store.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <utime.h>

#include <array>
#include <fstream>
#include <functional>

#include <fmt/format.h>

#include "store/database.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

/// Runs `body` in a forked child; the child's exit code, or 128 + signal.
int inChild(const std::function<int()>& body) {
  const auto pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class DurabilityTest : public StoreTest {
 protected:
  // A child must not use the parent's connections: it opens its own.
  void SetUp() override {
    StoreTest::SetUp();
    kept_ = store_->importPath(file("kept", pattern(5000))).value().root;
    store_.reset();
  }
  void expectIntact() {
    store_ = openStore();
    EXPECT_TRUE(store_->verify(kept_));
    EXPECT_EQ(storedFiles().size(), 1u) << testing::PrintToString(storedFiles());
    EXPECT_EQ(store_->pins()->size(), 1u);
    EXPECT_TRUE(fs::is_empty(storeFolder() / "tmp") || countTemporary() == 0);
  }
  int countTemporary() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(storeFolder() / "tmp")) {
      count += entry.is_directory();
    }
    return count;
  }
  cid::Cid kept_;
};

TEST_F(DurabilityTest, KilledInTheMiddleOfAnImportLeavesNothing) {
  const auto big = file("big", pattern(48u << 20));
  const auto code = inChild([&] {
    auto store = openStore();
    (void)store->importPath(big, {[](const Progress& progress) {
                                    if (progress.done >= 16u << 20) ::raise(SIGKILL);
                                  },
                                  {}});
    return 0;
  });
  ASSERT_EQ(code, 128 + SIGKILL);
  EXPECT_EQ(countTemporary(), 1);  // the dead import's folder is there until the next start
  expectIntact();
}

TEST_F(DurabilityTest, KilledBetweenStagingAndCommitLeavesNothing) {
  const auto path = file("other", pattern(2u << 20));
  const auto code = inChild([&] {
    auto store = openStore();
    auto session = store->beginImport().value();
    if (!session->addFile({"a", path, std::nullopt, "", {}})) return 1;
    ::raise(SIGKILL);
    return 0;
  });
  ASSERT_EQ(code, 128 + SIGKILL);
  expectIntact();
}

TEST_F(DurabilityTest, AFileWithoutARowIsSwept) {
  // What a crash between the rename and the commit leaves.
  writeFile(storeFolder() / "files" / std::string(64, 'a'), "orphan");
  expectIntact();
}

TEST_F(DurabilityTest, ALiveImportIsNotSwept) {
  store_ = openStore();
  auto session = store_->beginImport().value();
  ASSERT_TRUE(session->addFile({"a", file("a", "live"), std::nullopt, "", {}}));
  auto second = openStore();  // sweeps
  const auto code = inChild([&] { return openStore() ? 0 : 1; });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(countTemporary(), 1);
  EXPECT_TRUE(session->commit({"import", "a", "", {}, 0}));
}

TEST_F(DurabilityTest, ANewStoreIsOpenedByManyProcessesAtOnce) {
  for (int round = 0; round < 20; ++round) {
    const auto folder = folder_ / fmt::format("new-{}", round);
    std::array<int, 2> gate{};
    ASSERT_EQ(::pipe2(gate.data(), O_CLOEXEC), 0);
    std::vector<pid_t> children;
    for (int child = 0; child < 4; ++child) {
      const auto pid = ::fork();
      if (pid == 0) {
        ::close(gate[1]);
        char none = 0;
        (void)!::read(gate[0], &none, 1);  // ends for all of them at once
        ::_exit(ContentStore::open(folder, base::systemRandom()) ? 0 : 1);
      }
      children.push_back(pid);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (const auto pid : children) {
      int status = 0;
      ::waitpid(pid, &status, 0);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "round " << round;
    }
  }
}

TEST_F(DurabilityTest, AnImportsFolderIsToldFromTheRootOn) {
  const auto store = ContentStore::open(fs::relative(storeFolder()), base::systemRandom()).value();
  const auto session = store->beginImport().value();
  EXPECT_TRUE(session->workFolder()->is_absolute()) << "other programs write there";
}

TEST_F(DurabilityTest, AFileThatAnImportBuildsOnIsNotCollected) {
  auto one = openStore();
  auto two = openStore();
  auto session = one->beginImport().value();
  ASSERT_TRUE(session->addExisting("again", kept_));
  EXPECT_TRUE(two->remove(kept_));
  const auto imported = session->commit({"import", "folder", "", {}, 0});
  ASSERT_TRUE(imported) << imported.error().describe();
  session.reset();
  EXPECT_EQ(two->collect()->files, 0u);
  EXPECT_TRUE(two->verify(imported->root));
  EXPECT_TRUE(two->remove(imported->root));
  EXPECT_FALSE(two->hasFile(kept_).value());
}

TEST_F(DurabilityTest, TwoHandlesSeeEachOther) {
  auto one = openStore();
  auto two = openStore();
  const auto root = one->importPath(file("x", pattern(3u << 20))).value().root;
  EXPECT_TRUE(two->verify(root));
  EXPECT_TRUE(two->remove(root));
  EXPECT_EQ(one->resolve(root).error().category, ErrorCategory::NotFound);
}

TEST_F(DurabilityTest, FourProcessesImportAndRemoveAtOnce) {
  const auto shared = file("shared", pattern((1u << 20) + 9));
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    const auto pid = ::fork();
    if (pid == 0) {
      auto store = openStore();
      if (!store) ::_exit(2);
      for (int round = 0; round < 12; ++round) {
        const auto own = file(fmt::format("own-{}-{}", child, round),
                              pattern(static_cast<std::size_t>(1000 + child * 100 + round)));
        const auto mine = store->importPath(own);
        const auto common = store->importPath(shared);
        if (!mine || !common) ::_exit(3);
        if (!store->verify(mine->root)) ::_exit(4);
        if (round % 2 == 0 && !store->remove(mine->root)) ::_exit(5);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (const auto pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
  }
  store_ = openStore();
  for (const auto& pin : store_->pins().value()) {
    EXPECT_TRUE(store_->verify(pin.cid)) << pin.name;
  }
  EXPECT_EQ(storedFiles().size(), 1u + 1u + 4u * 6u);
}

TEST_F(DurabilityTest, AChangedFileIsNotServedAndFoundByVerify) {
  store_ = openStore();
  const auto contents = pattern(3u << 20);
  const auto root = store_->importPath(file("big", contents)).value().root;
  const auto stored =
      storeFolder() / "files" / cid::hexText(cid::sha256(std::as_bytes(std::span(contents))));
  fs::permissions(stored, fs::perms(0644));
  {
    std::fstream out(stored, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp((1u << 20) + 5);
    out.put('!');
  }
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::Integrity);
  const auto verified = store_->verify(root);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().category, ErrorCategory::Integrity);
  EXPECT_THAT(verified.error().message, testing::HasSubstr("leaf 1"));
  const auto damaged = store_->findDamage(root).value();
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_EQ(damaged[0].cid, root);
  // The other file is not affected, and importing again heals.
  EXPECT_TRUE(store_->verify(kept_));
  ASSERT_TRUE(store_->importPath(folder_ / "big"));
  EXPECT_TRUE(store_->verify(root));
  EXPECT_TRUE(store_->resolve(root));
}

TEST_F(DurabilityTest, RotThatKeepsTheTimeIsFoundByVerifyAndThenNotServed) {
  store_ = openStore();
  const auto stored = storeFolder() / storedFiles().at(0);
  struct stat before{};
  ASSERT_EQ(::stat(stored.c_str(), &before), 0);
  {
    const auto file = base::openFile(stored, O_WRONLY).value();
    ASSERT_EQ(::pwrite(file.get(), "!", 1, 100), 1);
    const timespec times[] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::futimens(file.get(), times), 0);
  }
  EXPECT_TRUE(store_->hasFile(kept_).value());  // nothing shows yet
  EXPECT_EQ(store_->verify(kept_).error().category, ErrorCategory::Integrity);
  EXPECT_EQ(store_->resolve(kept_).error().category, ErrorCategory::Integrity);
}

TEST_F(DurabilityTest, ATouchedButEqualFileIsServedAgainAfterVerify) {
  store_ = openStore();
  const auto stored = storeFolder() / storedFiles().at(0);
  ASSERT_EQ(::utime(stored.c_str(), nullptr), 0);
  EXPECT_EQ(store_->resolve(kept_).error().category, ErrorCategory::Integrity);
  EXPECT_TRUE(store_->findDamage(kept_).value().empty());
  EXPECT_TRUE(store_->resolve(kept_));
}

TEST_F(DurabilityTest, AMissingFileIsIntegrity) {
  store_ = openStore();
  fs::remove(storeFolder() / storedFiles().at(0));
  EXPECT_EQ(store_->resolve(kept_).error().category, ErrorCategory::Integrity);
  EXPECT_EQ(store_->verify(kept_).error().category, ErrorCategory::Integrity);
  ASSERT_TRUE(store_->importPath(folder_ / "kept"));
  EXPECT_TRUE(store_->verify(kept_));
}

TEST_F(DurabilityTest, ALostIndexCostsNoFile) {
  for (const auto* name : {"index.sqlite", "index.sqlite-wal", "index.sqlite-shm"}) {
    fs::remove(folder_ / "store" / name);
  }
  std::ofstream(folder_ / "store" / "index.sqlite").close();
  for (int i = 0; i < 2; ++i) {
    const auto refused = ContentStore::open(folder_ / "store", base::systemRandom());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().category, ErrorCategory::Storage);
    EXPECT_NE(fs::directory_iterator(folder_ / "store/files"), fs::directory_iterator());
  }
}

TEST_F(DurabilityTest, AForeignIndexIsRefusedByName) {
  writeFile(folder_ / "bad/index.sqlite", "this is no database, however long it goes on.......");
  const auto opened = ContentStore::open(folder_ / "bad", base::systemRandom());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().category, ErrorCategory::Storage);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("index.sqlite"));
}

TEST_F(DurabilityTest, FileSizeLimitIsNoSpaceAndNothingIsLost) {
  const auto big = file("big", pattern(8u << 20));
  const auto code = inChild([&] {
    auto store = openStore();
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{3u << 20, 3u << 20};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto imported = store->importPath(big);
    if (imported || imported.error().category != ErrorCategory::NoSpace) return 2;
    return store->verify(kept_) ? 0 : 3;
  });
  EXPECT_EQ(code, 0);
  expectIntact();
}

/// A file system of 8 MiB, mounted for one test.
class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/webpool-full-test-XXXXXX";
    folder_ = ::mkdtemp(name);
    fs::create_directories(folder_ / "disk");
    mounted_ = ::mount("tmpfs", (folder_ / "disk").c_str(), "tmpfs", 0, "size=8m") == 0;
    if (!mounted_) GTEST_SKIP() << "mounting is not permitted here";
  }
  void TearDown() override {
    if (mounted_) ::umount2((folder_ / "disk").c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }
  fs::path folder_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, FullDiskIsNoSpaceAndNothingIsLost) {
  writeFile(folder_ / "small", pattern(1000));
  writeFile(folder_ / "big", pattern(9u << 20));
  auto store = ContentStore::open(folder_ / "disk/store", base::systemRandom()).value();
  const auto kept = store->importPath(folder_ / "small").value().root;
  const auto imported = store->importPath(folder_ / "big");
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().category, ErrorCategory::NoSpace) << imported.error().describe();
  EXPECT_TRUE(store->verify(kept));
  writeFile(folder_ / "fits", pattern(4u << 20));
  EXPECT_TRUE(store->importPath(folder_ / "fits"));  // the failed one gave its space back
}

TEST_F(FullDiskTest, NoRoomForTheIndexIsNoSpaceAndNothingIsLost) {
  writeFile(folder_ / "small", pattern(1000));
  auto store = ContentStore::open(folder_ / "disk/store", base::systemRandom()).value();
  const auto kept = store->importPath(folder_ / "small").value().root;
  // Fill the disk to the last page, then import files that need nothing but rows: an empty file
  // has no data of its own.
  {
    std::ofstream filler(folder_ / "disk/filler", std::ios::binary);
    const std::string page(4096, 'x');
    while (filler.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }
  bool failed = false;
  for (int i = 0; i < 50 && !failed; ++i) {
    writeFile(folder_ / fmt::format("n{}", i), pattern(static_cast<std::size_t>(i + 1)));
    const auto imported = store->importPath(folder_ / fmt::format("n{}", i));
    if (imported) continue;
    failed = true;
    EXPECT_EQ(imported.error().category, ErrorCategory::NoSpace) << imported.error().describe();
  }
  EXPECT_TRUE(failed);
  EXPECT_TRUE(store->verify(kept));
  fs::remove(folder_ / "disk/filler");
  store.reset();
  store = ContentStore::open(folder_ / "disk/store", base::systemRandom()).value();
  EXPECT_TRUE(store->verify(kept));
  for (const auto& pin : store->pins().value()) EXPECT_TRUE(store->verify(pin.cid)) << pin.name;
}

TEST_F(FullDiskTest, AFullDiskCanBeReadAndFreed) {
  ASSERT_EQ(::mount("tmpfs", (folder_ / "disk").c_str(), "tmpfs", MS_REMOUNT, "size=32m"), 0);
  const auto open = [&] {
    return ContentStore::open(folder_ / "disk/store", base::systemRandom());
  };
  writeFile(folder_ / "kept", pattern(1000));
  writeFile(folder_ / "dropped", pattern(5u << 20));
  auto store = open().value();
  const auto kept = store->importPath(folder_ / "kept").value().root;
  const auto dropped = store->importPath(folder_ / "dropped").value().root;
  store.reset();  // the index's log goes with the last who has it open
  {
    std::ofstream filler(folder_ / "disk/filler", std::ios::binary);
    const std::string page(4096, 'x');
    while (filler.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }
  ASSERT_EQ(fs::space(folder_ / "disk").available, 0u);
  for (int times = 0; times < 3; ++times) {  // what one took, it gave back
    auto reading = open();
    ASSERT_TRUE(reading) << reading.error().describe();
    EXPECT_EQ((*reading)->pins()->size(), 2u);
    EXPECT_TRUE((*reading)->resolve(kept));
    EXPECT_TRUE((*reading)->verify(dropped));
    reading->reset();
    // Others would have it else.
    EXPECT_LT(fs::space(folder_ / "disk").available, 256u << 10);
  }
  auto freeing = open();
  ASSERT_TRUE(freeing) << freeing.error().describe();
  ASSERT_TRUE((*freeing)->unpin({"import", (folder_ / "dropped").native(), "", dropped}));
  const auto freed = (*freeing)->collect();
  ASSERT_TRUE(freed) << freed.error().describe();
  EXPECT_EQ(freed->bytes, 5u << 20);
  freeing->reset();
  EXPECT_GE(fs::space(folder_ / "disk").available, 3u << 20);
  EXPECT_TRUE(open().value()->verify(kept));
}

TEST_F(DurabilityTest, AnIndexOfVersion1IsBroughtToTheNewest) {
  {
    auto database = Database::open(storeFolder() / "index.sqlite");
    ASSERT_TRUE(database);
    ASSERT_TRUE(
        (*database)->execute("DROP TABLE packed; DROP TABLE pack; DROP TABLE lease;"
                             "ALTER TABLE file DROP COLUMN linked_ctime_ns;"
                             "ALTER TABLE pin DROP COLUMN origin; PRAGMA user_version = 1"));
  }
  store_ = openStore();
  ASSERT_TRUE(store_);
  const auto before = store_->pins();
  ASSERT_TRUE(before) << before.error().describe();
  ASSERT_EQ(before->size(), 1u);
  EXPECT_EQ(before->front().origin, "");
  ASSERT_TRUE(store_->addPin({"model", "m", "fp32", kept_, 0, "{\"kind\":\"hub\"}"}));
  store_.reset();
  store_ = openStore();
  EXPECT_EQ(store_->pins("model")->front().origin, "{\"kind\":\"hub\"}");
  EXPECT_TRUE(store_->verify(kept_));
  EXPECT_TRUE(store_->resolve(kept_));
}

TEST_F(DurabilityTest, AnIndexOfVersion2IsBroughtToTheNewest) {
  {
    auto database = Database::open(storeFolder() / "index.sqlite");
    ASSERT_TRUE(database);
    ASSERT_TRUE(
        (*database)->execute("DROP TABLE packed; DROP TABLE pack; DROP TABLE lease;"
                             "ALTER TABLE file DROP COLUMN linked_ctime_ns;"
                             "PRAGMA user_version = 2"));
  }
  store_ = openStore();
  ASSERT_TRUE(store_);
  EXPECT_TRUE(store_->resolve(kept_));
  EXPECT_FALSE(store_->describe(kept_)->linked);
}

}  // namespace
}  // namespace webpool::store

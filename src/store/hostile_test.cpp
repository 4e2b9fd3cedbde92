// DAGs that are small and have paths, names or bytes without end: what looks into them ends soon,
// in little memory, and says why.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <ctime>
#include <functional>

#include <fmt/format.h>

#include "cid/hamt.h"
#include "cid/unixfs.h"
#include "store/block_session.h"
#include "store/car_file.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Sanitizers take terabytes of addresses, and keep what was freed for a while.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr long kLittle = kSanitized ? 1000 : 100;  // MiB

/// Of this process so far, in MiB.
long mostMemory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

double cpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

std::stop_token stopped() {
  std::stop_source source;
  source.request_stop();
  return source.get_token();
}

class HostileTest : public StoreTest {
 protected:
  cid::Cid put(cid::Codec codec, std::string_view block) {
    const auto cid = cid::Cid::of(codec, asBytes(block));
    const auto done = session_->put(cid, asBytes(block));
    EXPECT_TRUE(done) << done.error().describe();
    return cid;
  }

  cid::Cid putFolder(const std::vector<cid::Link>& entries) {
    cid::UnixFsData about;
    about.type = cid::UnixFsType::Directory;
    return put(cid::Codec::DagPb, cid::encodeNode({entries, cid::encodeUnixFs(about)}));
  }

  /// Folders in each other, each with ten ways to the next one, whose names are so long.
  cid::Cid folders(int levels, std::size_t nameSize) {
    auto next = putFolder({{put(cid::Codec::Raw, "leaf"), "leaf", 4}});
    for (int level = 0; level < levels; ++level) {
      std::vector<cid::Link> ways;
      for (int way = 0; way < 10; ++way) {
        ways.push_back({next, fmt::format("{}{:a>{}}", way, "", nameSize), 1});
      }
      next = putFolder(ways);
    }
    EXPECT_TRUE(session_->flush());
    return next;
  }

  /// A file of 2^levels equal leaves of 1 KiB.
  cid::Cid fileWithoutEnd(int levels) {
    const std::string leaf(1024, 'A');
    cid::FilePart part{put(cid::Codec::Raw, leaf), leaf.size()};
    for (int level = 0; level < levels; ++level) {
      cid::UnixFsData about;
      about.fileSize = 2 * part.size;
      about.blockSizes = {part.size, part.size};
      const cid::Link half{part.cid, "", part.size};
      part = {put(cid::Codec::DagPb, cid::encodeNode({{half, half}, cid::encodeUnixFs(about)})),
              2 * part.size};
    }
    EXPECT_TRUE(session_->flush());
    return part.cid;
  }

  /// Its exit code, in a process that may have 4 GiB of addresses at most (kSanitized: any).
  int inChild(const std::function<int(ContentStore&)>& body) {
    session_.reset();
    store_.reset();
    const auto pid = ::fork();
    if (pid == 0) {
      const rlimit limit{4ull << 30, 4ull << 30};
      if (!kSanitized) ::setrlimit(RLIMIT_AS, &limit);
      ::_exit(body(*openStore()));
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  void SetUp() override {
    StoreTest::SetUp();
    session_ = store_->beginBlocks().value();
  }
  void TearDown() override {
    session_.reset();
    StoreTest::TearDown();
  }
  std::unique_ptr<BlockSession> session_;
};

TEST_F(HostileTest, LongNamesInDeepFoldersTakeLittleMemory) {
  const auto root = folders(120, 250);
  ASSERT_TRUE(store_->addPin({"pin", "p", "", root, 0, ""}));
  const auto code = inChild([&](ContentStore& store) {
    const auto before = mostMemory();
    const auto refused = [](const auto& outcome) {
      return !outcome && outcome.error().category == ErrorCategory::Unsupported;
    };
    if (!refused(store.describe(root))) return 1;
    if (!refused(store.listFiles(root))) return 2;
    if (!refused(store.checkWalkable(root))) return 3;
    if (!refused(store.exportPath(root, folder_ / "out"))) return 4;
    if (!store.verify(root)) return 5;
    const auto written = exportCar(store, root, cid::DagScope::All, folder_ / "out.car");
    if (!written || written->blocks != 122) return 6;
    return mostMemory() - before < kLittle ? 0 : 7;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(HostileTest, NamesCountTooWhereThereAreFewPaths) {
  // 100,000 paths, of 128 KiB each.
  const auto root = folders(5, 26'000);
  EXPECT_EQ(store_->listFiles(root).error().category, ErrorCategory::Unsupported);
  EXPECT_EQ(store_->listFiles(folders(3, 250))->size(), 1000u);
}

TEST_F(HostileTest, ManyPathsToFewBlocksCostAsManyStepsAsThereAreBlocks) {
  const auto root = folders(40, 2);
  const auto begun = cpuSeconds();
  const auto written = exportCar(*store_, root, cid::DagScope::All, folder_ / "out.car");
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(written->blocks, 42u);
  EXPECT_EQ(store_->describe(root).error().category, ErrorCategory::Unsupported);
  EXPECT_LT(cpuSeconds() - begun, 2);
}

TEST_F(HostileTest, CountsFollowEveryPath) {
  const auto root = folders(4, 2);
  const auto about = store_->describe(root);
  ASSERT_TRUE(about) << about.error().describe();
  EXPECT_EQ(about->files, 10'000u);
  EXPECT_EQ(about->bytes, 40'000u);
  EXPECT_TRUE(store_->checkWalkable(root));
  // What is not here is a gap for a walk, and no description.
  const auto gap = putFolder({{root, "here", 1}, {cid::Cid::of(cid::Codec::DagPb, {}), "gone", 1}});
  ASSERT_TRUE(session_->flush());
  EXPECT_TRUE(store_->checkWalkable(gap));
  EXPECT_EQ(store_->describe(gap).error().category, ErrorCategory::NotFound);
}

TEST_F(HostileTest, EveryWalkEndsWhenItIsAsked) {
  const auto root = folders(4, 2);
  const JobOptions job{{}, stopped()};
  EXPECT_EQ(store_->describe(root, stopped()).error().category, ErrorCategory::Cancelled);
  EXPECT_EQ(store_->checkWalkable(root, stopped()).error().category, ErrorCategory::Cancelled);
  EXPECT_EQ(store_->verify(root, job).error().category, ErrorCategory::Cancelled);
  EXPECT_EQ(store_->exportPath(root, folder_ / "out", job).error().category,
            ErrorCategory::Cancelled);
  EXPECT_EQ(exportCar(*store_, root, cid::DagScope::All, folder_ / "out.car", job).error().category,
            ErrorCategory::Cancelled);
  EXPECT_FALSE(fs::exists(folder_ / "out") || fs::exists(folder_ / "out.car"));
}

TEST_F(HostileTest, AFileThatRepeatsItselfIsHashedOnce) {
  const auto root = fileWithoutEnd(45);
  std::stop_source stop;
  int steps = 0;
  const JobOptions job{[&](const Progress&) {
                         if (++steps > 1000) stop.request_stop();
                       },
                       stop.get_token()};
  const auto verified = store_->verify(root, job);
  EXPECT_TRUE(verified) << verified.error().describe();
}

TEST_F(HostileTest, WhatCannotFitIsNotBegun) {
  const auto root = fileWithoutEnd(45);
  std::stop_source stop;
  const JobOptions job{[&](const Progress&) { stop.request_stop(); }, stop.get_token()};
  EXPECT_EQ(store_->exportPath(root, folder_ / "out", job).error().category,
            ErrorCategory::NoSpace);
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::NoSpace);
  const auto folder = putFolder({{root, "file", 1}});
  ASSERT_TRUE(session_->flush());
  EXPECT_EQ(store_->exportPath(folder, folder_ / "out", job).error().category,
            ErrorCategory::NoSpace);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(HostileTest, TwoEntriesOfOneNameAreTheFoldersFault) {
  const auto root =
      putFolder({{put(cid::Codec::Raw, "one"), "x", 3}, {put(cid::Codec::Raw, "two"), "x", 3}});
  ASSERT_TRUE(session_->flush());
  const auto written = store_->exportPath(root, folder_ / "out");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().category, ErrorCategory::Protocol);
  EXPECT_THAT(written.error().message, HasSubstr(root.text()));
  EXPECT_THAT(written.error().message, HasSubstr("two entries named \"x\""));
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(HostileTest, ABadDocumentIsNamedWhereItIsPinned) {
  const auto root = put(cid::Codec::DagCbor, "\x9b");  // a list whose length is cut off
  const auto pinned = session_->commit({"pin", "p", "", root, 0, ""});
  ASSERT_FALSE(pinned);
  EXPECT_THAT(pinned.error().message, HasSubstr(root.text()));
  EXPECT_THAT(store_->verify(root).error().message, HasSubstr(root.text()));
}

}  // namespace
}  // namespace webpool::store

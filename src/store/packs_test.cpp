// Blocks of other layouts: kept, found, held, collected, written anew.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include <fmt/format.h>

#include "cid/unixfs.h"
#include "cid/varint.h"
#include "store/block_session.h"
#include "store/index.h"
#include "store/packs.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct TestBlock {
  cid::Cid cid;
  std::string bytes;
};

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TestBlock rawBlock(std::string bytes) {
  return {cid::Cid::of(cid::Codec::Raw, asBytes(bytes)), std::move(bytes)};
}

/// A file in chunks that are not ours: leaves of `chunk` bytes below one node.
struct ForeignFile {
  std::vector<TestBlock> blocks;  ///< the root is the last
  std::string contents;
  const cid::Cid& root() const { return blocks.back().cid; }
};

ForeignFile foreignFile(std::string contents, std::size_t chunk) {
  ForeignFile file;
  cid::Node node;
  cid::UnixFsData data;
  for (std::size_t at = 0; at < contents.size(); at += chunk) {
    file.blocks.push_back(rawBlock(contents.substr(at, chunk)));
    node.links.push_back({file.blocks.back().cid, "", file.blocks.back().bytes.size()});
    data.blockSizes.push_back(file.blocks.back().bytes.size());
  }
  data.fileSize = contents.size();
  node.data = cid::encodeUnixFs(data);
  auto block = cid::encodeNode(node);
  const auto cid = cid::Cid::of(cid::Codec::DagPb, asBytes(block));
  file.blocks.push_back({cid, std::move(block)});
  file.contents = std::move(contents);
  return file;
}

class PacksTest : public StoreTest {
 protected:
  std::string blockText(const cid::Cid& cid) const {
    const auto block = store_->block(cid);
    return block ? textOf(block->content) : "";
  }
  static void putAll(BlockSession& session, const ForeignFile& file) {
    for (const auto& block : file.blocks) {
      const auto put = session.put(block.cid, asBytes(block.bytes));
      ASSERT_TRUE(put) << put.error().describe();
    }
  }
  fs::path onlyPack() const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(storeFolder() / "packs")) {
      EXPECT_EQ(found, fs::path());
      found = entry.path();
    }
    return found;
  }
  std::size_t packCount() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(storeFolder() / "packs"), fs::directory_iterator()));
  }
  std::string readFileOf(const cid::Cid& cid) const {
    std::string got;
    const auto read = store_->read(cid, [&](std::span<const std::byte> piece) -> Result<void> {
      got.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      return {};
    });
    return read ? got : read.error().message;
  }
};

TEST_F(PacksTest, WhatIsPutIsFoundAfterTheFlush) {
  const auto file = foreignFile(pattern(1'000'000), 262'144);
  auto session = store_->beginBlocks().value();
  putAll(*session, file);
  ASSERT_TRUE(session->flush());
  for (const auto& block : file.blocks) EXPECT_EQ(blockText(block.cid), block.bytes);
  EXPECT_EQ(readFileOf(file.root()), file.contents);
  const auto about = store_->describe(file.root()).value();
  EXPECT_EQ(about.kind, ContentKind::File);
  EXPECT_EQ(about.bytes, file.contents.size());
  EXPECT_EQ(textOf(std::get<ResolvedFile>(store_->resolve(file.root()).value()).content),
            file.contents);
}

TEST_F(PacksTest, APinnedFileIsListedVerifiedAndExported) {
  const auto file = foreignFile(pattern(700'000), 100'000);
  auto session = store_->beginBlocks().value();
  putAll(*session, file);
  ASSERT_TRUE(session->commit({"pin", "foreign", "", file.root(), 0, ""}));
  session.reset();
  EXPECT_EQ(store_->collect()->blocks, 0u);
  EXPECT_TRUE(store_->verify(file.root()));
  const auto written = store_->exportPath(file.root(), folder_ / "out");
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(base::readFile(folder_ / "out").value(), file.contents);
  ASSERT_TRUE(store_->unpin({"pin", "foreign", "", file.root(), 0, ""}));
  EXPECT_EQ(store_->collect()->blocks, file.blocks.size());
  EXPECT_EQ(packCount(), 0u);
  EXPECT_EQ(store_->block(file.root()).error().category, ErrorCategory::NotFound);
}

TEST_F(PacksTest, APinNeedsAllThatLiesBelow) {
  const auto file = foreignFile(pattern(700'000), 100'000);
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(file.root(), asBytes(file.blocks.back().bytes)));
  const auto committed = session->commit({"pin", "part", "", file.root(), 0, ""});
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().category, ErrorCategory::NotFound);
  EXPECT_TRUE(store_->pins()->empty());
}

TEST_F(PacksTest, RefusesWrongAndLargeBlocks) {
  auto session = store_->beginBlocks().value();
  const auto block = rawBlock("right");
  EXPECT_EQ(session->put(block.cid, asBytes("wrong")).error().category, ErrorCategory::Integrity);
  const auto most = rawBlock(std::string(2u << 20, 'x'));
  EXPECT_TRUE(session->put(most.cid, asBytes(most.bytes)));
  const auto large = rawBlock(std::string((2u << 20) + 1, 'x'));
  const auto refused = session->put(large.cid, asBytes(large.bytes));
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidArgument);
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(store_->block(block.cid).error().category, ErrorCategory::NotFound);
  EXPECT_EQ(blockText(most.cid).size(), most.bytes.size());
}

TEST_F(PacksTest, APackIsACar) {
  const auto block = rawBlock("hello world");
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(session->flush());
  const std::string header("\x11\xa2\x65roots\x80\x67version\x01", 18);
  std::string section;
  cid::appendVarint(section, block.cid.byteSize() + block.bytes.size());
  EXPECT_EQ(base::readFile(onlyPack()).value(), header + section + block.cid.bytes() + block.bytes);
}

TEST_F(PacksTest, WhatIsHereAlreadyIsNotWrittenAgain) {
  const auto whole = pattern((1u << 20) + 5);
  const auto root = store_->importPath(file("whole", whole))->root;
  auto session = store_->beginBlocks().value();
  const auto leaf = rawBlock(whole.substr(0, 1u << 20));
  ASSERT_TRUE(session->put(leaf.cid, asBytes(leaf.bytes)));
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(packCount(), 0u);
  // The session holds the file that the leaf lies in.
  ASSERT_TRUE(store_->remove(root));
  EXPECT_EQ(blockText(leaf.cid), leaf.bytes);
  session.reset();
  EXPECT_EQ(store_->collect()->files, 1u);
  EXPECT_EQ(store_->block(leaf.cid).error().category, ErrorCategory::NotFound);
}

TEST_F(PacksTest, AKnownBlockThatIsCollectedBeforeTheFlushIsWritten) {
  const auto block = rawBlock("a small file");
  const auto root = store_->importPath(file("small", block.bytes))->root;
  ASSERT_EQ(root, block.cid);
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(store_->remove(root));
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(blockText(block.cid), block.bytes);
}

TEST_F(PacksTest, ALivingSessionsBlocksAreNotCollectedByAnotherProcess) {
  const auto block = rawBlock("held");
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(session->flush());
  const auto pid = ::fork();
  if (pid == 0) ::_exit(openStore()->collect()->blocks == 0 ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(blockText(block.cid), block.bytes);
  session.reset();
  EXPECT_EQ(store_->collect()->blocks, 1u);
}

TEST_F(PacksTest, ADeadSessionsBlocksAreCollected) {
  const auto block = rawBlock("of a dead process");
  const auto pid = ::fork();
  if (pid == 0) {
    auto store = openStore();
    auto session = store->beginBlocks().value();
    (void)session->put(block.cid, asBytes(block.bytes));
    (void)session->flush();
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  store_ = openStore();
  EXPECT_EQ(blockText(block.cid), block.bytes);  // it was acknowledged
  EXPECT_EQ(store_->collect()->blocks, 1u);
  EXPECT_EQ(packCount(), 0u);
}

TEST_F(PacksTest, ATornTailIsCut) {
  const auto block = rawBlock("whole");
  {
    auto session = store_->beginBlocks().value();
    ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
    ASSERT_TRUE(session->flush());
    ASSERT_TRUE(store_->addPin({"pin", "p", "", block.cid, 0, ""}));
  }
  const auto size = fs::file_size(onlyPack());
  {
    const auto out = base::openFile(onlyPack(), O_WRONLY | O_APPEND).value();
    ASSERT_EQ(::write(out.get(), "torn", 4), 4);
  }
  store_.reset();
  store_ = openStore();
  EXPECT_EQ(fs::file_size(onlyPack()), size);
  EXPECT_EQ(blockText(block.cid), block.bytes);
  const auto more = rawBlock("more");
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(more.cid, asBytes(more.bytes)));
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(blockText(block.cid), block.bytes);
  EXPECT_EQ(blockText(more.cid), more.bytes);
}

TEST_F(PacksTest, RotIsFoundAndHealed) {
  const auto block = rawBlock(pattern(5000));
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(session->commit({"pin", "p", "", block.cid, 0, ""}));
  session.reset();
  EXPECT_EQ(blockText(block.cid), block.bytes);
  const auto rot = [&] {
    const auto out = base::openFile(onlyPack(), O_WRONLY).value();
    ASSERT_EQ(::pwrite(out.get(), "!!", 2, 1000), 2);
  };
  rot();  // another time than when it was hashed
  EXPECT_EQ(store_->block(block.cid).error().category, ErrorCategory::Integrity);
  store_.reset();
  store_ = openStore();  // the first time that this one serves it
  EXPECT_EQ(store_->block(block.cid).error().category, ErrorCategory::Integrity);
  EXPECT_EQ(store_->verify(block.cid).error().category, ErrorCategory::Integrity);
  std::vector<cid::Cid> told;
  const auto report = store_->scrub({.onDamage = [&](const cid::Cid& cid, const Error& error) {
    EXPECT_EQ(error.category, ErrorCategory::Integrity);
    told.push_back(cid);
  }});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->damaged, std::vector{block.cid});
  EXPECT_EQ(told, std::vector{block.cid});
  session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(blockText(block.cid), block.bytes);
  EXPECT_TRUE(store_->scrub()->damaged.empty());
}

TEST_F(PacksTest, RotWithoutATimeIsFoundByTheScrub) {
  const auto block = rawBlock(pattern(5000));
  const auto whole = store_->importPath(file("whole", pattern(3u << 20)))->root;
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(blockText(block.cid), block.bytes);
  for (const auto& path : {onlyPack(), storeFolder() / storedFiles().at(0)}) {
    const auto time = fs::last_write_time(path);
    fs::permissions(path, fs::perms(0644));
    const auto out = base::openFile(path, O_WRONLY).value();
    ASSERT_EQ(::pwrite(out.get(), "!!", 2, 1000), 2);
    fs::last_write_time(path, time);
  }
  EXPECT_TRUE(store_->resolve(whole));  // nothing shows yet
  EXPECT_THAT(store_->scrub()->damaged, testing::UnorderedElementsAre(block.cid, whole));
  EXPECT_EQ(store_->resolve(whole).error().category, ErrorCategory::Integrity);
}

TEST_F(PacksTest, AnImportMendsWhatIsPackedOfIt) {
  const auto contents = pattern((2u << 20) + 5);
  const auto path = file("whole", contents);
  const auto leaf = rawBlock(contents.substr(0, 1u << 20));
  const auto other = rawBlock("of something else");
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(leaf.cid, asBytes(leaf.bytes)));
  ASSERT_TRUE(session->put(other.cid, asBytes(other.bytes)));
  ASSERT_TRUE(session->flush());
  EXPECT_EQ(blockText(leaf.cid), leaf.bytes);
  damage(onlyPack(), 5000);
  EXPECT_EQ(store_->scrub()->damaged, std::vector{leaf.cid});
  EXPECT_EQ(store_->block(leaf.cid).error().category, ErrorCategory::Integrity)
      << "though it was right before";
  ASSERT_TRUE(store_->importPath(path));
  EXPECT_TRUE(store_->scrub()->damaged.empty());
  EXPECT_EQ(blockText(leaf.cid), leaf.bytes);
  EXPECT_EQ(blockText(other.cid), other.bytes);
}

TEST_F(PacksTest, ABlockThatComesAgainMendsThePackedOneBesideAWholeFile) {
  const auto contents = pattern((1u << 20) + 5);
  const auto leaf = rawBlock(contents.substr(0, 1u << 20));
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(leaf.cid, asBytes(leaf.bytes)));
  ASSERT_TRUE(session->flush());
  session.reset();
  ASSERT_TRUE(store_->importPath(file("whole", contents)));
  damage(onlyPack(), 5000);
  EXPECT_EQ(store_->scrub()->damaged, std::vector{leaf.cid});
  session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(leaf.cid, asBytes(leaf.bytes)));
  ASSERT_TRUE(session->flush());
  EXPECT_TRUE(store_->scrub()->damaged.empty());
}

TEST_F(PacksTest, AScrubStopsWhenItIsAsked) {
  ASSERT_TRUE(store_->importPath(file("whole", pattern(20u << 20))));
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  // Without the stop it would take days.
  const auto report = store_->scrub({.bytesPerSecond = 100}, {{}, stop.get_token()});
  EXPECT_EQ(report.error().category, ErrorCategory::Cancelled);
}

TEST_F(PacksTest, MostlyDeadPacksAreWrittenAnew) {
  const auto kept = rawBlock(pattern(10'000));
  std::vector<TestBlock> dropped;
  for (int i = 0; i < 10; ++i) dropped.push_back(rawBlock(fmt::format("{}", i) + pattern(10'000)));
  auto session = store_->beginBlocks().value();
  for (const auto& block : dropped) ASSERT_TRUE(session->put(block.cid, asBytes(block.bytes)));
  ASSERT_TRUE(session->put(kept.cid, asBytes(kept.bytes)));
  ASSERT_TRUE(session->commit({"pin", "kept", "", kept.cid, 0, ""}));
  const auto before = onlyPack();
  EXPECT_EQ(store_->collect()->blocks, 0u);  // the session holds them
  session.reset();
  const auto reading = store_->block(kept.cid).value();
  EXPECT_EQ(store_->collect()->blocks, dropped.size());
  EXPECT_NE(onlyPack(), before);
  EXPECT_LT(fs::file_size(onlyPack()), 11'000u);
  EXPECT_EQ(blockText(kept.cid), kept.bytes);
  EXPECT_EQ(textOf(reading.content), kept.bytes);  // whoever had it open reads on
  EXPECT_EQ(store_->collect()->blocks, 0u);
  EXPECT_EQ(store_->block(dropped[0].cid).error().category, ErrorCategory::NotFound);
}

TEST_F(PacksTest, APackWithLittleDeadStays) {
  const auto kept = rawBlock(pattern(100'000));
  auto session = store_->beginBlocks().value();
  ASSERT_TRUE(session->put(kept.cid, asBytes(kept.bytes)));
  const auto small = rawBlock("small");
  ASSERT_TRUE(session->put(small.cid, asBytes(small.bytes)));
  ASSERT_TRUE(session->commit({"pin", "kept", "", kept.cid, 0, ""}));
  session.reset();
  const auto before = onlyPack();
  EXPECT_EQ(store_->collect()->blocks, 1u);
  EXPECT_EQ(onlyPack(), before);
}

TEST_F(PacksTest, AForeignFileKeepsTheWholeFileThatHoldsItsLeaf) {
  const auto leaf = pattern(1u << 20);
  const auto whole = store_->importPath(file("whole", leaf + "tail"))->root;
  const auto foreign = foreignFile(leaf + leaf + "other", 1u << 20);
  auto session = store_->beginBlocks().value();
  putAll(*session, foreign);
  ASSERT_TRUE(session->commit({"pin", "foreign", "", foreign.root(), 0, ""}));
  session.reset();
  ASSERT_TRUE(store_->remove(whole));
  EXPECT_EQ(readFileOf(foreign.root()), foreign.contents);
}

TEST_F(PacksTest, TwoProcessesWriteAtOnce) {
  std::vector<pid_t> children;
  for (int child = 0; child < 3; ++child) {
    const auto pid = ::fork();
    if (pid == 0) {
      auto store = openStore();
      for (int round = 0; round < 5; ++round) {
        const auto file = foreignFile(fmt::format("{}-{}", child, round) + pattern(50'000), 9'000);
        auto session = store->beginBlocks().value();
        for (const auto& block : file.blocks) {
          if (!session->put(block.cid, asBytes(block.bytes))) ::_exit(2);
        }
        const auto pinned =
            session->commit({"pin", fmt::format("{}-{}", child, round), "", file.root(), 0, ""});
        if (!pinned) ::_exit(3);
        if (!store->collect()) ::_exit(4);
        if (!store->verify(file.root())) ::_exit(5);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (const auto pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_EQ(store_->pins()->size(), 15u);
  for (const auto& pin : store_->pins().value()) EXPECT_TRUE(store_->verify(pin.cid)) << pin.name;
  EXPECT_EQ(store_->collect()->blocks, 0u);
}

TEST_F(PacksTest, AFullDiskIsNoSpaceAndLosesNothing) {
  const auto disk = folder_ / "disk";
  fs::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=6m") != 0) {
    GTEST_SKIP() << "mounting is not permitted here";
  }
  store_ = ContentStore::open(disk / "store", base::systemRandom()).value();
  auto session = store_->beginBlocks().value();
  const auto first = rawBlock(pattern(500'000));
  ASSERT_TRUE(session->put(first.cid, asBytes(first.bytes)));
  ASSERT_TRUE(session->flush());
  Result<void> put;
  std::vector<TestBlock> later;
  for (int i = 0; i < 20 && put; ++i) {
    later.push_back(rawBlock(fmt::format("{}", i) + pattern(1'000'000)));
    put = session->put(later.back().cid, asBytes(later.back().bytes));
  }
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().category, ErrorCategory::NoSpace) << put.error().describe();
  EXPECT_EQ(blockText(first.cid), first.bytes);
  later.pop_back();  // the one that did not fit; the others were written
  const auto flushed = session->flush();
  for (const auto& block : later) {
    EXPECT_EQ(blockText(block.cid), flushed ? block.bytes : "");
  }
  session.reset();
  store_.reset();
  store_ = ContentStore::open(disk / "store", base::systemRandom()).value();
  EXPECT_EQ(blockText(first.cid), first.bytes);
  store_.reset();
  ::umount2(disk.c_str(), MNT_DETACH);
}

TEST_F(PacksTest, ACollectionTellsHowFarItIsAndDeletesNothingWhereItIsStopped) {
  const auto kept = store_->importPath(file("kept", pattern(5000))).value().root;
  const auto dropped = store_->importPath(file("dropped", pattern(3000))).value().root;
  ASSERT_TRUE(store_->unpin({"import", (folder_ / "dropped").native(), "", dropped}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(store_->collect(false, {{}, stop.get_token()}).error().category,
            ErrorCategory::Cancelled);
  EXPECT_TRUE(store_->resolve(dropped));
  Progress last;
  const auto collected = store_->collect(false, {[&](const Progress& progress) {
                                                   EXPECT_GE(progress.done, last.done);
                                                   last = progress;
                                                 },
                                                 {}});
  EXPECT_EQ(collected->files, 1u);
  EXPECT_EQ(last.done, 8000u);
  EXPECT_EQ(last.total, 8000u);
  EXPECT_TRUE(store_->resolve(kept));
  EXPECT_FALSE(store_->resolve(dropped));
}

}  // namespace
}  // namespace webpool::store

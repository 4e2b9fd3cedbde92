// Any files and folders: links, odd names, what a person asks of content, and the way back to the
// disk.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sys/wait.h>

#include <fmt/format.h>
#include <algorithm>
#include <functional>

#include "cid/tree.h"
#include "store/hold.h"
#include "store/import_plan.h"
#include "store/index.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr ImportOptions kKeepLinks{.links = ImportOptions::Links::Keep};

class ContentTest : public StoreTest {
 protected:
  /// A folder of everything that a folder can hold.
  fs::path oddFolder() {
    file("odd/empty", "");
    file("odd/a\nb", "newline");
    file("odd/ leading", "space");
    file("odd/\xff\xfe", "no UTF-8");
    file("odd/caf\xc3\xa9", "accent");
    file("odd/sub/deep/file", pattern((2u << 20) + 3));
    file("odd/-rf", "dash");
    file("odd/.hidden", "hidden");
    fs::create_directories(folder_ / "odd/nothing");
    fs::create_directories(folder_ / "odd/only-hidden");
    file("odd/only-hidden/.x", "x");
    file("odd/sparse", "");
    fs::resize_file(folder_ / "odd/sparse", 5u << 20);
    fs::create_symlink("sub/deep/file", folder_ / "odd/link");
    fs::create_symlink("/no/such/place", folder_ / "odd/dangling");
    fs::create_directory_symlink("sub", folder_ / "odd/folder-link");
    return folder_ / "odd";
  }
  static cid::Cid leafOf(std::string_view file, std::size_t number) {
    const auto leaf = file.substr(number << 20, std::size_t{1} << 20);
    return cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(leaf)));
  }
  static std::string contents(const fs::path& path) { return base::readFile(path).value(); }
};

TEST_F(ContentTest, AFolderComesBackAsItWas) {
  const auto source = oddFolder();
  const auto imported = store_->importPath(source, {}, kKeepLinks);
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(imported->files, 8u);
  EXPECT_TRUE(store_->verify(imported->root));
  const auto copy = folder_ / "copy";
  const auto written = store_->exportPath(imported->root, copy);
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(written->files, imported->files);
  EXPECT_EQ(written->bytes, imported->bytes);
  for (const auto* name :
       {"empty", "a\nb", " leading", "\xff\xfe", "caf\xc3\xa9", "-rf", "sparse", "sub/deep/file"}) {
    EXPECT_EQ(contents(copy / name), contents(source / name)) << name;
  }
  EXPECT_EQ(fs::read_symlink(copy / "link"), "sub/deep/file");
  EXPECT_EQ(fs::read_symlink(copy / "dangling"), "/no/such/place");
  EXPECT_EQ(fs::read_symlink(copy / "folder-link"), "sub");
  EXPECT_TRUE(fs::is_empty(copy / "nothing"));
  EXPECT_TRUE(fs::is_empty(copy / "only-hidden"));
  EXPECT_FALSE(fs::exists(copy / ".hidden"));
  // The copy is the user's own, and has the same CID.
  EXPECT_NE(fs::status(copy / "empty").permissions() & fs::perms::owner_write, fs::perms::none);
  EXPECT_EQ(store_->importPath(copy, {}, kKeepLinks)->root, imported->root);
  struct stat status{};
  ASSERT_EQ(::stat((copy / "sparse").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 2 << 20);
}

TEST_F(ContentTest, HiddenNamesComeWhenAskedFor) {
  file("f/.hidden", "h");
  file("f/.folder/x", "x");
  const auto with = store_->importPath(folder_ / "f", {}, {.hidden = true});
  ASSERT_TRUE(with);
  EXPECT_EQ(with->files, 2u);
  EXPECT_EQ(store_->importPath(folder_ / "f")->files, 0u);
}

TEST_F(ContentTest, ALinkIsANodeWithItsTarget) {
  // As Kubo writes it: UnixFS {Type: Symlink, Data: target} in a dag-pb node.
  fs::create_directories(folder_ / "f");
  fs::create_symlink("target", folder_ / "f/link");
  const auto root = store_->importPath(folder_ / "f", {}, kKeepLinks)->root;
  const auto link = store_->resolveCid(root, "link").value();
  const auto block = readContent(store_->block(link)->content).value();
  EXPECT_EQ(cid::hexText(block.view()), "0a0a08041206746172676574");
  EXPECT_EQ(store_->describe(link)->target, "target");
  EXPECT_EQ(store_->resolve(link).error().category, ErrorCategory::InvalidArgument);
}

TEST_F(ContentTest, ListSaysKindsAndSizes) {
  const auto root = store_->importPath(oddFolder(), {}, kKeepLinks)->root;
  const auto entries = store_->list(root).value();
  ASSERT_EQ(entries.size(), 13u);
  EXPECT_TRUE(std::ranges::is_sorted(entries, {}, &ContentEntry::name));
  const auto at = [&](std::string_view name) {
    return *std::ranges::find(entries, name, &ContentEntry::name);
  };
  EXPECT_EQ(at("link").kind, ContentKind::Link);
  EXPECT_EQ(at("link").target, "sub/deep/file");
  EXPECT_EQ(at("sub").kind, ContentKind::Folder);
  EXPECT_EQ(at("sparse").kind, ContentKind::File);
  EXPECT_EQ(at("sparse").size, 5u << 20);
  EXPECT_EQ(at("empty").size, 0u);
  const auto single = store_->list(at("sparse").cid).value();
  ASSERT_EQ(single.size(), 1u);
  EXPECT_EQ(single[0].name, "");
  const auto nowhere = store_->list(cid::Cid::of(cid::Codec::DagPb, {}));
  EXPECT_EQ(nowhere.error().category, ErrorCategory::NotFound);
}

TEST_F(ContentTest, DescribeTellsTheAlias) {
  const auto big = pattern((1u << 20) + 1);
  const auto root = store_->importPath(file("big", big))->root;
  const auto about = store_->describe(root).value();
  EXPECT_EQ(about.kind, ContentKind::File);
  EXPECT_EQ(about.bytes, big.size());
  EXPECT_GT(about.dagSize, big.size());
  EXPECT_EQ(about.sha256, cid::sha256(std::as_bytes(std::span(big))));
  EXPECT_FALSE(about.linked);
  const auto small = store_->describe(store_->importPath(file("small", "x"))->root).value();
  EXPECT_EQ(small.sha256, cid::sha256(std::as_bytes(std::span("x", 1))));
  const auto folder = store_->importPath(oddFolder(), {}, kKeepLinks).value();
  const auto whole = store_->describe(folder.root).value();
  EXPECT_EQ(whole.kind, ContentKind::Folder);
  EXPECT_EQ(whole.bytes, folder.bytes);
  EXPECT_EQ(whole.files, folder.files);
  EXPECT_EQ(whole.sha256, std::nullopt);
  const auto missing =
      store_->describe(cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span("?"))));
  EXPECT_EQ(missing.error().category, ErrorCategory::NotFound);
}

TEST_F(ContentTest, APlanIsWhatTheImportBrings) {
  const auto source = oddFolder();
  const auto plan = planImport(source, {}, kKeepLinks);
  ASSERT_TRUE(plan) << plan.error().describe();
  EXPECT_TRUE(storedFiles().empty());
  const auto imported = store_->importPath(source, {}, kKeepLinks).value();
  EXPECT_EQ(plan->imported.root, imported.root);
  EXPECT_EQ(plan->imported.bytes, imported.bytes);
  EXPECT_EQ(plan->imported.files, imported.files);
  for (const auto& entry : plan->entries) {
    EXPECT_EQ(store_->resolveCid(imported.root, entry.path).value(), entry.cid) << entry.path;
  }
  EXPECT_EQ(plan->entries.back().path, "");
  EXPECT_EQ(plan->entries.back().kind, ContentKind::Folder);
  EXPECT_EQ(planImport(folder_ / "none").error().category, ErrorCategory::NotFound);
  const auto one = planImport(file("one", "1"), {}, {}).value();
  ASSERT_EQ(one.entries.size(), 1u);
  EXPECT_EQ(one.entries[0].size, 1u);
}

TEST_F(ContentTest, ExportRefusesWhatIsThereAndLeavesNothingAfterAFailure) {
  const auto root = store_->importPath(file("f/a", pattern(3u << 20)).parent_path())->root;
  fs::create_directories(folder_ / "out/taken");
  const auto taken = store_->exportPath(root, folder_ / "out/taken");
  EXPECT_EQ(taken.error().category, ErrorCategory::InvalidArgument);
  // Damage that keeps size and time.
  const auto stored = storeFolder() / storedFiles().at(0);
  const auto time = fs::last_write_time(stored);
  fs::permissions(stored, fs::perms(0644));
  {
    const auto out = base::openFile(stored, O_WRONLY).value();
    ASSERT_EQ(::pwrite(out.get(), "!", 1, 2'500'000), 1);
  }
  fs::last_write_time(stored, time);
  const auto failed = store_->exportPath(root, folder_ / "out/copy");
  EXPECT_EQ(failed.error().category, ErrorCategory::Integrity);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), fs::directory_iterator()), 1);
  EXPECT_EQ(store_->exportPath(root, folder_ / "no/such/folder").error().category,
            ErrorCategory::NotFound);
}

TEST_F(ContentTest, ReadHandsOnNothingThatIsWrong) {
  const auto whole = pattern((9u << 20) + 17);
  const auto root = store_->importPath(file("big", whole))->root;
  std::string got;
  const auto collect = [&](std::span<const std::byte> piece) -> Result<void> {
    got.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  };
  ASSERT_TRUE(store_->read(root, collect));
  EXPECT_EQ(got, whole);
  const auto stored = storeFolder() / storedFiles().at(0);
  const auto time = fs::last_write_time(stored);
  fs::permissions(stored, fs::perms(0644));
  {
    const auto out = base::openFile(stored, O_WRONLY).value();
    ASSERT_EQ(::pwrite(out.get(), "!", 1, (6 << 20) + 9), 1);
  }
  fs::last_write_time(stored, time);
  got.clear();
  EXPECT_EQ(store_->read(root, collect).error().category, ErrorCategory::Integrity);
  EXPECT_EQ(got, whole.substr(0, 6u << 20));
  // What the sink says is the outcome.
  ASSERT_TRUE(store_->importPath(folder_ / "big"));
  const auto stopped = store_->read(root, [](std::span<const std::byte>) -> Result<void> {
    return fail(ErrorCategory::Busy, "enough");
  });
  EXPECT_EQ(stopped.error().message, "enough");
  const auto folder = store_->importPath(file("f/x", "x").parent_path())->root;
  EXPECT_EQ(store_->read(folder, collect).error().category, ErrorCategory::InvalidArgument);
}

TEST_F(ContentTest, WhatAReaderFindsDamagedIsMarkedUntilItComesAnew) {
  const auto path = file("big", pattern((3u << 20) + 17));
  const auto root = store_->importPath(path)->root;
  const auto stored = storeFolder() / storedFiles().at(0);
  const auto second = leafOf(pattern(2u << 20), 1);
  const auto sink = [](std::span<const std::byte>) { return Result<void>(); };
  const std::vector<std::function<Result<void>()>> readers{
      [&]() -> Result<void> {
        const auto written = store_->exportPath(root, folder_ / "out");
        return written ? Result<void>() : std::unexpected(written.error());
      },
      [&] { return store_->read(root, sink); },
      [&]() -> Result<void> {
        const auto block = store_->block(second);
        return block ? Result<void>() : std::unexpected(block.error());
      }};
  for (const auto& read : readers) {
    damage(stored, 1'500'000);
    EXPECT_TRUE(store_->hasFile(root).value()) << "nobody has read it yet";
    const auto outcome = read();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().category, ErrorCategory::Integrity);
    EXPECT_FALSE(store_->hasFile(root).value());
    EXPECT_FALSE(openStore()->hasFile(root).value()) << "other processes know it too";
    ASSERT_TRUE(store_->importPath(path));
    EXPECT_TRUE(store_->hasFile(root).value());
    EXPECT_TRUE(store_->verify(root));
    EXPECT_TRUE(read()) << "and it is served again";
    fs::remove_all(folder_ / "out");
  }
}

TEST_F(ContentTest, WhatWasMendedMeanwhileIsNotMarked) {
  const auto path = file("big", pattern(3u << 20));
  const auto root = store_->importPath(path)->root;
  const auto index = Index::open(storeFolder() / "index.sqlite").value();
  const auto before = index->fileByRoot(root).value().value();
  damage(storeFolder() / storedFiles().at(0), 5);
  ASSERT_FALSE(store_->verify(root));
  ASSERT_TRUE(store_->importPath(path));
  ASSERT_TRUE(index->markDamaged(before));
  EXPECT_TRUE(store_->hasFile(root).value());
  ASSERT_TRUE(index->markDamaged(index->fileByRoot(root).value().value()));
  EXPECT_FALSE(store_->hasFile(root).value());
}

TEST_F(ContentTest, ABlockIsHashedOnceAndAgainWhenItsFileHasAnotherState) {
  const auto whole = pattern(3u << 20);
  const auto root = store_->importPath(file("big", whole))->root;
  const auto leaf = [&](std::size_t number) { return leafOf(whole, number); };
  ASSERT_TRUE(store_->block(leaf(0)));
  damage(storeFolder() / storedFiles().at(0), 5);  // its status change time is another one now
  EXPECT_TRUE(store_->unhashedBlock(leaf(0))) << "a look at size and time tells nothing";
  EXPECT_TRUE(store_->block(leaf(1)));
  EXPECT_EQ(store_->block(leaf(0)).error().category, ErrorCategory::Integrity);
  // The other leaves of a damaged file are of use still.
  EXPECT_EQ(store_->block(leaf(1)).error().category, ErrorCategory::Integrity);
  EXPECT_FALSE(store_->intactBlock(leaf(0)));
  EXPECT_EQ(store_->intactBlock(leaf(1)).value().text(), whole.substr(1u << 20, 1u << 20));
  EXPECT_FALSE(store_->hasFile(root).value());
}

TEST_F(ContentTest, AHoldEndsWithItsProcess) {
  const auto root = store_->importPath(file("a", "abc"))->root;
  ASSERT_TRUE(store_->unpin(store_->pins()->at(0)));
  {
    const auto hold = store_->beginHold().value();
    ASSERT_TRUE(store_->addPin(hold->pin(root)));
    const auto other = openStore();
    EXPECT_EQ(other->pins(kHoldKind)->size(), 1u) << "who opens the store takes it for alive";
    EXPECT_EQ(other->collect()->files, 0u);
  }
  EXPECT_TRUE(store_->pins()->empty());
  ASSERT_TRUE(store_->collect(true));
  store_.reset();
  const auto child = ::fork();
  if (child == 0) {
    const auto store = openStore();
    const auto hold = store->beginHold();
    if (!hold || !store->addPin((*hold)->pin(root))) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  store_ = openStore();
  EXPECT_TRUE(store_->pins()->empty());
  EXPECT_EQ(store_->collect()->files, 1u);
}

TEST_F(ContentTest, ACollectionDropsTheHoldsOfTheDead) {
  const auto root = store_->importPath(file("a", "abc"))->root;
  ASSERT_TRUE(store_->unpin(store_->pins()->at(0)));
  // As an earlier version left it.
  ASSERT_TRUE(store_->addPin({std::string(kHoldKind), root.text(), "", root, 0, ""}));
  EXPECT_EQ(store_->collect()->files, 1u);
  EXPECT_TRUE(store_->pins()->empty());
}

TEST_F(ContentTest, WhatAKilledExportLeftGoesWithTheNextOfTheSameTarget) {
  const auto root = store_->importPath(file("f/a", pattern(6u << 20)).parent_path())->root;
  fs::create_directories(folder_ / "out");
  store_.reset();
  const auto child = ::fork();
  if (child == 0) {
    const auto store = openStore();
    (void)store->exportPath(root, folder_ / "out/copy",
                            {[](const Progress&) { ::raise(SIGKILL); }, {}});
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto entries = [&] {
    return std::distance(fs::directory_iterator(folder_ / "out"), fs::directory_iterator());
  };
  EXPECT_EQ(entries(), 1) << "what was not finished";
  store_ = openStore();
  ASSERT_TRUE(store_->exportPath(root, folder_ / "out/copy"));
  EXPECT_EQ(entries(), 1) << "the copy alone";
  EXPECT_EQ(fs::file_size(folder_ / "out/copy/a"), 6u << 20);
}

TEST_F(ContentTest, TwoExportsToOneTargetDoNotMix) {
  const auto root = store_->importPath(file("f/a", pattern(6u << 20)).parent_path())->root;
  Result<Imported> second;
  const auto first = store_->exportPath(
      root, folder_ / "copy",
      {[&](const Progress&) { second = store_->exportPath(root, folder_ / "copy"); }, {}});
  EXPECT_TRUE(first);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().category, ErrorCategory::Busy);
}

TEST_F(ContentTest, AnImportHoldsWhatItFound) {
  const auto here = store_->importPath(file("big", pattern(3u << 20)))->root;
  ASSERT_TRUE(store_->unpin(store_->pins()->at(0)));
  const auto gone = leafOf("x", 0);
  auto session = store_->beginImport().value();
  const std::vector files{gone, here};
  EXPECT_EQ(session->hold(files).value(), (std::vector{false, true}));
  EXPECT_EQ(store_->collect()->files, 0u);
  EXPECT_TRUE(store_->verify(here));
  session.reset();
  EXPECT_EQ(store_->collect()->files, 1u);
}

TEST_F(ContentTest, UnpinnedContentStaysUntilTheCollection) {
  const auto root = store_->importPath(file("a", "abc"))->root;
  const auto pins = store_->pins().value();
  ASSERT_EQ(pins.size(), 1u);
  ASSERT_TRUE(store_->addPin({"pin", "mine", "", root, 0, ""}));
  ASSERT_TRUE(store_->unpin(pins[0]));
  EXPECT_EQ(store_->collect()->files, 0u);  // the other pin keeps it
  ASSERT_TRUE(store_->unpin({"pin", "mine", "", root, 0, ""}));
  EXPECT_EQ(store_->unpin({"pin", "mine", "", root, 0, ""}).error().category,
            ErrorCategory::NotFound);
  EXPECT_TRUE(store_->resolve(root));
  const auto planned = store_->collect(true).value();
  EXPECT_EQ(planned.files, 1u);
  EXPECT_EQ(planned.bytes, 3u);
  EXPECT_TRUE(store_->resolve(root));
  EXPECT_EQ(store_->collect()->bytes, 3u);
  EXPECT_EQ(store_->resolve(root).error().category, ErrorCategory::NotFound);
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(ContentTest, ASmallFileIsKeptThoughALargeOneHoldsItsBytes) {
  const auto leaf = pattern(1u << 20);
  const auto large = store_->importPath(file("large", leaf + leaf + "x"))->root;
  const auto small = store_->importPath(file("small", leaf))->root;
  ASSERT_TRUE(store_->collect());
  EXPECT_TRUE(store_->hasFile(small).value());
  EXPECT_TRUE(store_->hasFile(large).value());
}

}  // namespace
}  // namespace webpool::store

// Imports against the CIDs of another implementation (tests/vectors/cid/unixfs.json), and what an
// import refuses.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "store/import_plan.h"
#include "store/testing/test_store.h"
#include "store/tree_limits.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

using ImportTest = StoreTest;

TEST_F(ImportTest, FilesHaveTheCidsOfTheIndependentImplementation) {
  int compared = 0;
  for (const auto& value : cidVectors().at("files").as_array()) {
    const auto size = value.at("size").to_number<std::uint64_t>();
    const auto name = std::string(value.at("name").as_string());
    const auto rule = value.at("rule").as_string();
    const auto path = folder_ / name;
    if (rule == "zero") {
      writeFile(path, "");
      fs::resize_file(path, size);  // sparse: a gigabyte that takes no disk
    } else if (rule == "text") {
      writeFile(path, std::string(value.at("text").as_string()));
    } else {
      writeFile(path, pattern(size));
    }
    const auto imported = store_->importPath(path);
    ASSERT_TRUE(imported) << imported.error().describe();
    EXPECT_EQ(imported->root.text(), std::string(value.at("cid").as_string())) << name;
    EXPECT_EQ(imported->bytes, size);
    ++compared;
  }
  EXPECT_EQ(compared, 8);
}

TEST_F(ImportTest, FoldersHaveTheCidsOfTheIndependentImplementation) {
  for (const auto& value : cidVectors().at("folders").as_array()) {
    const auto name = std::string(value.at("name").as_string());
    for (const auto& [path, size] : value.at("files").as_object()) {
      const auto full = folder_ / name / std::string(path);
      if (size.is_null()) {
        fs::create_directories(full);
      } else {
        writeFile(full, pattern(size.to_number<std::size_t>()));
      }
    }
    const auto imported = store_->importPath(folder_ / name);
    ASSERT_TRUE(imported) << imported.error().describe();
    EXPECT_EQ(imported->root.text(), std::string(value.at("cid").as_string()));
    for (const auto& [path, cid] : value.at("entries").as_object()) {
      const auto below = std::string(path).substr(name.size());
      const auto found = store_->resolveCid(imported->root, below);
      ASSERT_TRUE(found) << below;
      EXPECT_EQ(found->text(), std::string(cid.as_string())) << below;
    }
    for (const auto& [cid, hex] : value.at("nodes").as_object()) {
      const auto block = store_->block(cid::Cid::parse(std::string_view(cid)).value());
      ASSERT_TRUE(block) << cid;
      EXPECT_EQ(cid::hexText(readContent(block->content).value().view()),
                std::string(hex.as_string()));
    }
  }
}

TEST_F(ImportTest, SparseFileStaysSparse) {
  const auto path = file("sparse", "");
  fs::resize_file(path, 64u << 20);
  ASSERT_TRUE(store_->importPath(path));
  struct stat status{};
  const auto stored = storedFiles();
  ASSERT_EQ(stored.size(), 1u);
  ASSERT_EQ(::stat((storeFolder() / stored[0]).c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 64 << 20);
  EXPECT_LT(status.st_blocks * 512, 2 << 20);
}

TEST_F(ImportTest, HolesAmongDataKeepTheirPlace) {
  std::string contents(6u << 20, '\0');
  contents.replace((2u << 20) + 5, 3, "abc");
  const auto path = folder_ / "holes";
  {
    std::ofstream out(path, std::ios::binary);
    out.seekp((2u << 20) + 5);
    out << "abc";
  }
  fs::resize_file(path, contents.size());
  const auto holes = store_->importPath(path);
  ASSERT_TRUE(holes);
  const auto plain = store_->importPath(file("plain", contents));
  ASSERT_TRUE(plain);
  EXPECT_EQ(holes->root, plain->root);
  EXPECT_TRUE(store_->verify(holes->root));
}

TEST_F(ImportTest, TheSameContentIsKeptOnceAndReadOnly) {
  const auto contents = pattern(3000);
  const auto one = store_->importPath(file("a", contents));
  const auto two = store_->importPath(file("b", contents));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->root, two->root);
  const auto stored = storedFiles();
  ASSERT_EQ(stored.size(), 1u);
  const auto mode = fs::status(storeFolder() / stored[0]).permissions();
  EXPECT_EQ(mode & fs::perms::all, fs::perms(0444));
  EXPECT_EQ(store_->pins("import")->size(), 2u);
}

TEST_F(ImportTest, WholeFileSha256IsAnAlias) {
  const auto contents = pattern((2u << 20) + 1);
  const auto imported = store_->importPath(file("a", contents));
  ASSERT_TRUE(imported);
  const auto sha256 = cid::sha256(std::as_bytes(std::span(contents)));
  EXPECT_EQ(store_->findBySha256(sha256).value(), imported->root);
  EXPECT_EQ(store_->findBySha256({}).error().category, ErrorCategory::NotFound);
  EXPECT_EQ(storedFiles(), std::vector<std::string>{"files/" + cid::hexText(sha256)});
}

TEST_F(ImportTest, HiddenNamesAreLeftOutAndLinksToFilesFollowed) {
  file("model/config.json", "{}");
  file("model/.git/HEAD", "x");
  file("blob", "weights");
  fs::create_symlink(folder_ / "blob", folder_ / "model/model.onnx");
  const auto imported = store_->importPath(folder_ / "model");
  ASSERT_TRUE(imported) << imported.error().describe();
  const auto files = store_->listFiles(imported->root).value();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].path, "config.json");
  EXPECT_EQ(files[1].path, "model.onnx");
  EXPECT_EQ(files[1].size, 7u);
}

TEST_F(ImportTest, FoldersAreAsDeepAsTheStoreReads) {
  auto path = folder_ / "deep";
  for (unsigned level = 1; level < kMostLevels; ++level) path /= "d";
  writeFile(path / "last", "leaf");
  fs::create_directories(path / "empty");
  const auto imported = store_->importPath(folder_ / "deep");
  ASSERT_TRUE(imported) << imported.error().describe();
  const auto about = store_->describe(imported->root);
  ASSERT_TRUE(about) << about.error().describe();
  EXPECT_EQ(about->files, 1u);
  ASSERT_EQ(store_->listFiles(imported->root)->size(), 1u);
  const auto written = store_->exportPath(imported->root, folder_ / "out");
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(planImport(folder_ / "out")->imported.root, imported->root);

  writeFile(path / "empty/further", "leaf");
  const auto deeper = store_->importPath(folder_ / "deep");
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(deeper.error().message, testing::HasSubstr("further is deeper than 128 levels"));
  EXPECT_FALSE(planImport(folder_ / "deep"));
}

TEST_F(ImportTest, RefusesWhatIsNoFile) {
  fs::create_directories(folder_ / "in");
  ASSERT_EQ(::mkfifo((folder_ / "in/pipe").c_str(), 0600), 0);
  EXPECT_EQ(store_->importPath(folder_ / "in").error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(store_->importPath(folder_ / "in/pipe").error().category,
            ErrorCategory::InvalidArgument);
  fs::remove(folder_ / "in/pipe");
  fs::create_directory_symlink(folder_, folder_ / "in/loop");
  EXPECT_EQ(store_->importPath(folder_ / "in").error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(store_->importPath(folder_ / "none").error().category, ErrorCategory::NotFound);
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(ImportTest, ASocketAndAnEmptyPathAreRefusedByName) {
  sockaddr_un address{AF_UNIX, {}};
  const auto path = (folder_ / "socket").native();
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const base::FileDescriptor listening(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(store_->importPath(path).error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(store_->importPath("").error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(planImport(path).error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(store_->importPath(path).error().message,
              testing::HasSubstr("socket is neither a file nor a folder"));
  EXPECT_THAT(store_->importPath("").error().message, testing::HasSubstr("empty"));
}

TEST_F(ImportTest, AFileThatChangesWhileItIsReadIsRefused) {
  for (const bool hidesItsTime : {false, true}) {
    const auto path = file("log", pattern(40u << 20));
    const auto time = fs::last_write_time(path);
    bool changed = false;
    const auto imported =
        store_->importPath(path,
                           {[&](const Progress&) {
                              if (changed) return;
                              changed = true;
                              std::fstream out(path, std::ios::in | std::ios::out);
                              out << "changed";
                              out.close();
                              if (hidesItsTime) fs::last_write_time(path, time);
                            },
                            {}},
                           {.resume = true});
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().category, ErrorCategory::Busy);
    EXPECT_THAT(imported.error().message, testing::HasSubstr("log was changed"));
    ASSERT_TRUE(store_->importPath(path, {}, {.resume = true}));
    ASSERT_TRUE(store_->remove(store_->pins()->at(0).cid));
  }
}

TEST_F(ImportTest, ProgressCountsAndCancelStops) {
  const auto path = file("big", pattern(40u << 20));
  std::uint64_t last = 0;
  ASSERT_TRUE(store_->importPath(path, {[&](const Progress& progress) {
                                          EXPECT_GE(progress.done, last);
                                          EXPECT_EQ(progress.total, 40u << 20);
                                          last = progress.done;
                                        },
                                        {}}));
  EXPECT_EQ(last, 40u << 20);

  std::stop_source stop;
  const auto other = file("other", "x" + pattern(40u << 20));
  const auto cancelled =
      store_->importPath(other, {[&](const Progress&) { stop.request_stop(); }, stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().category, ErrorCategory::Cancelled);
  EXPECT_EQ(storedFiles().size(), 1u);
}

TEST_F(ImportTest, ManySmallFilesAreBroughtToTheDiskTogether) {
  for (int i = 0; i < 300; ++i) file("many/" + std::to_string(i), "file " + std::to_string(i));
  const auto imported = store_->importPath(folder_ / "many");
  ASSERT_TRUE(imported) << imported.error().describe();
  EXPECT_EQ(storedFiles().size(), 300u);
  EXPECT_TRUE(store_->verify(imported->root));
}

TEST_F(ImportTest, WrongContentIsRefusedAndNothingStored) {
  const auto path = file("a", "right");
  auto session = store_->beginImport().value();
  const auto other = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span("other", 5)));
  const auto added = session->addFile({"a", path, other, "a source's name", {}});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().category, ErrorCategory::Integrity);
  EXPECT_THAT(added.error().message, testing::HasSubstr("a source's name"));
  session.reset();
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(ImportTest, WrongRootIsRefusedAndNothingStored) {
  const auto path = file("a", "right");
  auto session = store_->beginImport().value();
  ASSERT_TRUE(session->addFile({"a", path, std::nullopt, "", {}}));
  const auto committed = session->commit({"import", "x", "", {}, 0}, cid::Cid());
  EXPECT_EQ(committed.error().category, ErrorCategory::Integrity);
  session.reset();
  EXPECT_TRUE(storedFiles().empty());
  EXPECT_TRUE(store_->pins()->empty());
}

TEST_F(ImportTest, PathsThatLeaveTheTreeAreRefused) {
  const auto path = file("a", "x");
  auto session = store_->beginImport().value();
  for (const auto* bad : {"../a", "a/../b", "/a", "a//b", "a/", "."}) {
    EXPECT_FALSE(session->addFile({bad, path, std::nullopt, "", {}})) << bad;
  }
  EXPECT_TRUE(session->addFile({"a", path, std::nullopt, "", {}}));
  EXPECT_FALSE(session->addFile({"a", path, std::nullopt, "", {}}));
  EXPECT_FALSE(session->addFile({"a/b", path, std::nullopt, "", {}}));
}

}  // namespace
}  // namespace webpool::store

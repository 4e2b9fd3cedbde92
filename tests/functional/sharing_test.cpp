// Where a model's bytes come from: other browsers, this browser's own storage, the pool; and how
// its graphs become sessions meanwhile. Real browsers, of which the second one is Chromium under
// another name, or Firefox.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>

#include "browsers/browser.h"
#include "cli_harness.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr auto kMiniLm = "all-minilm-l6-v2";
constexpr auto kWhisper = "whisper-tiny";
constexpr auto kMagika = "magika";

class Sharing : public CliTest {
 protected:
  void TearDown() override {
    pool_.reset();
    expectNothingLeft();
  }

  void open(PeerSharing sharing, const std::string& logLevel = "off") {
    browsers::BrowserFinder finder(browsers::Environment::ofThisProcess());
    const auto chromium = finder.find("chromium");
    ASSERT_TRUE(chromium) << chromium.error().describe();
    auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                    .cacheFolder = folder() / "cache",
                                    .browsers = {"chromium", "chromium-webnn", "firefox"},
                                    .peerSharing = sharing,
                                    .browserPaths = {{"chromium-webnn", chromium->path}},
                                    .maxConnections = 3,
                                    .ephemeral = true,
                                    .logLevel = logLevel});
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
  }

  Result<Model> load(const char* model, const char* browser, const char* dtype,
                     const std::string& task = {}, std::optional<PeerSharing> sharing = {}) {
    return pool_->load(model, {.task = task,
                               .backend = Backend::Wasm,
                               .browser = browser,
                               .dtype = dtype,
                               .peerSharing = sharing});
  }

  /// Where the only browser so far keeps a file of that size.
  std::filesystem::path keptFile(std::uintmax_t size) const {
    namespace fs = std::filesystem;
    for (const auto& entry : fs::recursive_directory_iterator(
             folder() / "cache", fs::directory_options::skip_permission_denied)) {
      std::error_code gone;
      if (entry.is_regular_file(gone) && entry.file_size(gone) == size) return entry.path();
    }
    return {};
  }

  std::unique_ptr<ResourcePool> pool_;
};

std::uint64_t sum(const LoadTimings& load) {
  return load.bytesCache + load.bytesNetwork + load.bytesPeer;
}

TEST_F(Sharing, ASecondBrowserGetsItsLeavesFromTheFirst) {
  ensureModel(kWhisper, "q8");
  open(PeerSharing::On);
  const auto first = load(kWhisper, "chromium", "q8");
  ASSERT_TRUE(first) << first.error().describe();
  const auto alone = first->info().timings;
  EXPECT_EQ(alone.bytesNetwork, first->info().bytes) << "there is nobody else";
  EXPECT_EQ(alone.source(), "origin");

  // Each graph's session is made of its own bytes, the smaller graph's first.
  ASSERT_EQ(alone.components.size(), 2U);
  EXPECT_EQ(alone.components[0].name, "encoder_model");
  EXPECT_EQ(alone.components[1].name, "decoder_model_merged");
  EXPECT_LT(alone.components[0].completeMs, alone.components[1].completeMs);
  for (const auto& one : alone.components) {
    std::printf("%s: bytes complete at %.0f ms, session from %.0f to %.0f ms\n", one.name.c_str(),
                one.completeMs, one.begunMs, one.readyMs);
    EXPECT_LE(one.completeMs, one.begunMs);
    EXPECT_LT(one.begunMs, one.readyMs);
    EXPECT_LE(one.completeMs, alone.fetchMs);
  }

  const auto second = load(kWhisper, "chromium-webnn", "q8");
  ASSERT_TRUE(second) << second.error().describe();
  const auto shared = second->info().timings;
  std::printf("of %llu bytes %llu from the other browser, %llu from the pool, in %.0f ms\n",
              static_cast<unsigned long long>(second->info().bytes),
              static_cast<unsigned long long>(shared.bytesPeer),
              static_cast<unsigned long long>(shared.bytesNetwork), shared.fetchMs);
  EXPECT_EQ(sum(shared), second->info().bytes);
  EXPECT_GT(shared.bytesPeer, 0U);
  EXPECT_EQ(shared.bytesCache, 0U) << "browsers share no storage";
}

TEST_F(Sharing, WhatABrowserGivesWrongIsFetchedFromThePool) {
  ensureModel(kMiniLm, "q4");
  open(PeerSharing::On, "warn");
  const auto first = load(kMiniLm, "chromium", "q4");
  ASSERT_TRUE(first) << first.error().describe();
  // A byte of most leaves that the first browser keeps, behind its back.
  constexpr std::uintmax_t kSize = 54'429'696;
  const auto kept = keptFile(kSize);
  ASSERT_FALSE(kept.empty()) << "no file of its size in the profile";
  {
    std::fstream file(kept, std::ios::in | std::ios::out | std::ios::binary);
    for (std::streamoff at = 3; at < 48 << 20; at += 1 << 20) {
      file.seekg(at);
      const auto was = static_cast<char>(file.get());
      file.seekp(at);
      file.put(static_cast<char>(was ^ 1));
    }
  }
  testing::internal::CaptureStderr();
  const auto second = load(kMiniLm, "firefox", "q4");
  const auto log = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(second) << second.error().describe();
  const auto timings = second->info().timings;
  EXPECT_EQ(sum(timings), second->info().bytes);
  EXPECT_GE(timings.bytesNetwork, 48U << 20) << "only from the pool can they have come";
  EXPECT_THAT(log, HasSubstr("chromium-0."));
  EXPECT_THAT(log, HasSubstr("gave a wrong leaf"));
}

TEST_F(Sharing, AModelThatIsNotSharedComesFromThePoolWhereConnectionsStand) {
  ensureModel(kMiniLm, "q4");
  ensureModel(kMagika, "fp32");
  open(PeerSharing::On);
  ASSERT_TRUE(load(kMiniLm, "chromium", "q4"));
  const auto shared = load(kMiniLm, "firefox", "q4");
  ASSERT_TRUE(shared) << shared.error().describe();
  ASSERT_GT(shared->info().timings.bytesPeer, 0U) << "no connection stands";
  for (const auto* browser : {"chromium", "firefox"}) {
    const auto own = load(kMagika, browser, "fp32", {}, PeerSharing::Off);
    ASSERT_TRUE(own) << own.error().describe();
    EXPECT_EQ(own->info().timings.bytesPeer, 0U) << browser;
    EXPECT_EQ(own->info().timings.bytesNetwork, own->info().bytes) << browser;
  }
}

TEST_F(Sharing, TwoModelsOfOneBrowserFetchAFileOnce) {
  ensureModel(kMiniLm, "q4");
  open(PeerSharing::Off);
  auto embedder = std::async(std::launch::async, [&] { return load(kMiniLm, "chromium", "q4"); });
  const auto graph = load(kMiniLm, "chromium", "q4", "tensors");
  const auto whole = embedder.get();
  ASSERT_TRUE(graph) << graph.error().describe();
  ASSERT_TRUE(whole) << whole.error().describe();
  const auto a = graph->info().timings;
  const auto b = whole->info().timings;
  EXPECT_EQ(sum(a), graph->info().bytes);
  EXPECT_EQ(sum(b), whole->info().bytes);
  EXPECT_EQ(a.bytesNetwork + b.bytesNetwork, std::max(graph->info().bytes, whole->info().bytes));
  EXPECT_EQ(a.bytesPeer + b.bytesPeer, 0U);
}

}  // namespace
}  // namespace webpool::functional

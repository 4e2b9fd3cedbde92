// The dtype that a model is loaded in, where the caller named none: the fastest that was measured.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli_harness.h"
#include "webpool/pool.h"
#include "webpool/stats.h"

namespace webpool::functional {
namespace {

using testing::Each;

constexpr const char* kModel = "all-minilm-l6-v2";

class Dtypes : public CliTest {
 protected:
  void SetUp() override {
    ensureModel(kModel, "q4");  // the catalogue's default, slow on WASM
    ensureModel(kModel, "fp32");
  }

  void TearDown() override {
    pool_.reset();
    expectNothingLeft();
  }

  void open() {
    auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                    .cacheFolder = folder() / "cache",
                                    .browsers = {"chromium"},
                                    .maxBatch = 1});
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
  }

  std::optional<Model> load(const std::string& dtype = {}, unsigned precision = 0) {
    auto model =
        pool_->load(kModel, {.backend = Backend::Wasm, .dtype = dtype, .precision = precision});
    EXPECT_TRUE(model) << model.error().describe();
    return model ? std::optional(std::move(*model)) : std::nullopt;
  }

  /// The median of a run, in ms, and the dtypes that the answers say they are of.
  double call(Model& model, const std::string& dtype, unsigned count = 40) {
    std::vector<double> times;
    std::vector<std::string> dtypes;
    for (unsigned i = 0; i < count; ++i) {
      const std::string text = "Sentence number " + std::to_string(i) + ", of the usual length.";
      const auto answer = model.embed(std::span(&text, 1));
      EXPECT_TRUE(answer) << answer.error().describe();
      if (!answer) return 0;
      times.push_back(answer->timings.runMs);
      dtypes.push_back(answer->ranOn.dtype);
    }
    EXPECT_THAT(dtypes, Each(dtype));
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(count / 2));
    return times[count / 2];
  }

  std::unique_ptr<ResourcePool> pool_;
};

TEST_F(Dtypes, TheFastestThatWasMeasuredIsLoadedTheNextTime) {
  open();
  double usual = 0;
  double other = 0;
  {
    auto model = load();
    ASSERT_TRUE(model);
    ASSERT_EQ(model->info().dtype, "q4") << "nothing is known yet";
    usual = call(*model, "q4");
  }
  {
    auto model = load("fp32");
    ASSERT_TRUE(model);
    other = call(*model, "fp32");
  }
  pool_->close();
  open();
  RecordProperty("q4_ms", std::to_string(usual));
  RecordProperty("fp32_ms", std::to_string(other));
  ASSERT_LT(other, 0.8 * usual) << "4 bits take nearly twice as long on WASM";
  {
    const auto described = pool_->describe(kModel, {.backend = Backend::Wasm});
    ASSERT_TRUE(described) << described.error().describe();
    EXPECT_EQ(described->dtype, "fp32");
    auto model = load();
    ASSERT_TRUE(model);
    EXPECT_EQ(model->info().dtype, "fp32");
    call(*model, "fp32", 2);
  }
  // What the caller says binds.
  auto named = load("q4");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->info().dtype, "q4");
  auto bits = load({}, 4);
  ASSERT_TRUE(bits);
  EXPECT_EQ(bits->info().dtype, "q4");
}

/// Nobody asked for it in fp32: the pool tries it while it is idle.
TEST_F(Dtypes, AnotherDtypeIsTriedWhileNobodyAsks) {
  open();
  {
    auto model = load();
    ASSERT_TRUE(model);
    call(*model, "q4");
    const auto held = [&] { return pool_->connections().at(0).models.size(); };
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    const auto waitFor = [&](std::size_t count) {
      while (held() != count && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      return held() == count;
    };
    EXPECT_TRUE(waitFor(2));
    EXPECT_TRUE(waitFor(1)) << "it is measured, and leaves again";
    call(*model, "q4", 2);
  }
  pool_->close();
  open();
  auto model = load();
  ASSERT_TRUE(model);
  EXPECT_EQ(model->info().dtype, "fp32");
}

}  // namespace
}  // namespace webpool::functional

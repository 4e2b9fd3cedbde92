// Jobs on joined devices: a pool of the library, a real browser that a person let join.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "browsers/browser.h"
#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "reference.h"
#include "visitor.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

/// What the pool tells of its devices, in order. Thread-safe.
class Events {
 public:
  std::function<void(const JoinEvent&)> listener() {
    return [this](const JoinEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
  }
  JoinEvent waitFor(JoinEvent::Kind kind) {
    std::unique_lock lock(mutex_);
    std::optional<JoinEvent> found;
    changed_.wait(lock, [&] {
      for (const auto& event : events_) {
        if (event.kind == kind) found = event;
        if (event.kind == JoinEvent::Kind::Refused) throw std::runtime_error(event.why);
      }
      return found.has_value();
    });
    return *found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<JoinEvent> events_;
};

class JoinJobs : public CliTest {
 protected:
  void SetUp() override {
    ensureModel("all-minilm-l6-v2", "q4");
    browsers::BrowserFinder finder(browsers::Environment::ofThisProcess(),
                                   folder() / "browser-versions");
    const auto found = finder.find("chromium");
    ASSERT_TRUE(found) << found.error().describe();
    chromium_ = found->path.native();
    reference_ = readMiniLmReference("q4");
  }
  void TearDown() override {
    visitor_.reset();
    pool_.reset();
    expectNothingLeft();
  }

  void open(PoolOptions options) {
    options.dataFolder = sharedData();
    options.cacheFolder = folder() / "cache";
    options.ephemeral = true;
    options.join = JoinOptions{.address = "127.0.0.1"};
    options.onJoin = events_.listener();
    auto pool = ResourcePool::open(std::move(options));
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
    ASSERT_TRUE(pool_->invitation());
  }

  /// A person opens the link and agrees.
  void visit() {
    visitor_ =
        std::make_unique<Visitor>(chromium_, folder() / "visitor", pool_->invitation()->link);
    visitor_->waitForSection("ask");
    visitor_->press("agree");
  }

  /// Cosine with native ONNX Runtime.
  double cosineOf(const Result<Embeddings>& answer, std::size_t sentence) const {
    return answer ? cosineSimilarity(answer->vectors[0], reference_.vectors[sentence]) : -1;
  }
  Result<Embeddings> embed(const Model& model, std::size_t sentence) const {
    return model.embed(std::span(&reference_.sentences[sentence], 1));
  }

  std::string chromium_;
  MiniLmReference reference_;
  Events events_;
  std::unique_ptr<ResourcePool> pool_;
  std::unique_ptr<Visitor> visitor_;
};

constexpr double kRight = 0.99;

TEST_F(JoinJobs, PoolWithoutBrowsersWaitsForADeviceAndComputesThere) {
  open({.launchBrowsers = false});
  auto loading = std::async(std::launch::async, [this] {
    return pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm});
  });
  visit();
  auto model = loading.get();
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.trust, Trust::Joined);
  EXPECT_EQ(model->info().ranOn.connection, "joined-1");
  const auto answer = embed(*model, 1);
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_GT(cosineOf(answer, 1), kRight);
  EXPECT_EQ(answer->ranOn.trust, Trust::Joined);

  const auto stats = pool_->connections();
  ASSERT_EQ(stats.size(), 1U);
  EXPECT_EQ(stats[0].label, "joined-1");
  EXPECT_EQ(stats[0].trust, Trust::Joined);
  EXPECT_EQ(stats[0].pid, 0);
  visitor_->waitUntil("document.body.innerText.includes('all-minilm-l6-v2')");

  // Its person pauses it: nothing new goes there, and a call waits for another device.
  visitor_->press("pause");
  events_.waitFor(JoinEvent::Kind::Paused);
  const auto paused =
      model->embed(std::span(&reference_.sentences[0], 1), {.timeout = std::chrono::seconds(1)});
  ASSERT_FALSE(paused);
  visitor_->press("pause");
  events_.waitFor(JoinEvent::Kind::Resumed);
  const auto resumed = embed(*model, 0);
  EXPECT_GT(cosineOf(resumed, 0), kRight) << (resumed ? "" : resumed.error().describe());
}

TEST_F(JoinJobs, StoppedDeviceLosesNoJob) {
  open({.browsers = {"chromium"}});
  auto model = pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm});
  ASSERT_TRUE(model) << model.error().describe();
  visit();
  const auto serves = events_.waitFor(JoinEvent::Kind::Serves);
  EXPECT_EQ(serves.model, "all-minilm-l6-v2");

  // Callers until both have worked, then the person stops it while they go on.
  std::atomic<int> onDevice{0};
  std::atomic<int> afterStop{0};
  std::atomic<bool> stopped{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> callers;
  for (std::size_t caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      while (afterStop < 20) {
        const auto answer = embed(*model, caller);
        if (cosineOf(answer, caller) < kRight) ++wrong;
        if (answer && answer->ranOn.trust == Trust::Joined) onDevice.fetch_add(1);
        if (onDevice > 3) onDevice.notify_all();
        if (stopped) ++afterStop;
      }
    });
  }
  for (int seen = onDevice; seen <= 3; seen = onDevice) onDevice.wait(seen);
  visitor_->press("stop");
  const auto left = events_.waitFor(JoinEvent::Kind::Left);
  stopped = true;
  callers.clear();
  EXPECT_EQ(left.why, "stopped by its person");
  EXPECT_EQ(wrong, 0) << "every call has its right answer, wherever it ran";
  EXPECT_EQ(pool_->connections().size(), 1U) << "a device that left is no connection any more";
}

TEST_F(JoinJobs, WithoutGoldenAnswerADeviceIsComparedWithABrowserOfThisMachine) {
  const auto path = write("unknown.onnx", onnx::testing::matMulModel(DataType::Fp32, 4, 4));
  open({.browsers = {"chromium"}});
  auto model = pool_->load(path.native(), {.backend = Backend::Wasm});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.checkedBy, "nothing: the pool has no other engine");
  visit();
  const auto serves = events_.waitFor(JoinEvent::Kind::Serves);
  ASSERT_TRUE(serves.ranOn);
  EXPECT_EQ(serves.ranOn->trust, Trust::Joined);
  EXPECT_THAT(serves.ranOn->checkedBy, testing::StartsWith("wasm of chromium "));
}

TEST_F(JoinJobs, PrivateModelStaysOnThisMachine) {
  open({.browsers = {"chromium"}});
  auto model =
      pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .leastTrust = Trust::Launched});
  ASSERT_TRUE(model) << model.error().describe();
  visitor_ = std::make_unique<Visitor>(chromium_, folder() / "visitor", pool_->invitation()->link);
  visitor_->waitForSection("ask");
  EXPECT_THAT(visitor_->evaluate("document.body.innerText"),
              testing::Not(HasSubstr("all-minilm-l6-v2")));
  visitor_->press("agree");
  events_.waitFor(JoinEvent::Kind::Joined);
  std::vector<std::jthread> callers;
  std::atomic<int> elsewhere{0};
  for (std::size_t caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 5; ++i) {
        const auto answer = embed(*model, caller);
        if (!answer || answer->ranOn.trust != Trust::Launched) ++elsewhere;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(elsewhere, 0);
}

TEST_F(JoinJobs, ClosingThePoolEndsWhoWaitsForADevice) {
  open({.launchBrowsers = false});
  auto loading = std::async(std::launch::async, [this] {
    return pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm});
  });
  // The visitor is shown the model once the call waits.
  visitor_ = std::make_unique<Visitor>(chromium_, folder() / "visitor", pool_->invitation()->link);
  visitor_->waitForSection("ask");
  pool_->close();
  const auto model = loading.get();
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::Cancelled);
}

}  // namespace
}  // namespace webpool::functional

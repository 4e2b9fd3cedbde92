// What a browser is made of, taken away or stopped under a call: its GPU process, and all of it at
// once. The call gets a right answer or a typed error, and the next one a right answer.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <optional>
#include <thread>

#include "browser_control.h"
#include "browsers/child_process.h"
#include "cli_harness.h"
#include "reference.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

constexpr const char* kModel = "all-minilm-l6-v2";

class Processes : public CliTest {
 protected:
  void TearDown() override {
    model_.reset();
    pool_.reset();
    expectNothingLeft();
  }

  void load(Backend backend, const std::string& dtype) {
    ensureModel(kModel, dtype);
    auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                    .cacheFolder = cache(),
                                    .browsers = {"chromium"},
                                    .ephemeral = true});
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
    auto model = pool_->load(kModel, {.backend = backend, .dtype = dtype});
    ASSERT_TRUE(model) << model.error().describe();
    model_.emplace(std::move(*model));
    reference_ = readMiniLmReference(dtype);
  }

  std::filesystem::path cache() const { return folder() / "cache"; }

  /// The first `count` reference sentences, `times` over, in one call.
  std::future<Result<Embeddings>> begin(std::size_t count, std::size_t times) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count * times; ++i) {
      texts.push_back(reference_.sentences[i % count]);
    }
    auto answer = std::async(std::launch::async,
                             [this, texts = std::move(texts)] { return model_->embed(texts); });
    while (pool_->connections().at(0).state != "busy") std::this_thread::yield();
    return answer;
  }

  void expectRight(const Result<Embeddings>& answer, std::size_t count, std::size_t times) {
    ASSERT_TRUE(answer) << answer.error().describe();
    ASSERT_EQ(answer->vectors.size(), count * times);
    for (std::size_t i = 0; i < count * times; ++i) {
      EXPECT_GE(cosineSimilarity(answer->vectors[i], reference_.vectors[i % count]), 0.999)
          << reference_.sentences[i % count];
    }
  }

  void killTheGpuProcessUnderACall(std::size_t count, std::size_t times) {
    auto answer = begin(count, times);
    const auto gpu = findBrowser(cache()).gpu;
    ASSERT_GT(gpu, 0);
    ASSERT_EQ(kill(gpu, SIGKILL), 0);
    const auto result = answer.get();
    std::printf("the call under which the GPU process died: %s\n",
                result ? "answered" : result.error().describe().c_str());
    if (result) {
      expectRight(result, count, times);
    } else {
      EXPECT_THAT(categoryName(result.error().category),
                  testing::AnyOf("worker_lost", "device_lost"))
          << result.error().describe();
    }
    expectRight(model_->embed(std::span(reference_.sentences).first(count)), count, 1);
    EXPECT_NE(findBrowser(cache()).gpu, gpu);
  }

  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> model_;
  MiniLmReference reference_;
};

TEST_F(Processes, TheGpuProcessDiesWhileAModelRunsOnWasm) {
  load(Backend::Wasm, "q4");
  killTheGpuProcessUnderACall(8, 8);
}

TEST_F(Processes, TheGpuProcessDiesWhileAModelRunsOnWebGpu) {
  load(Backend::WebGpu, "fp32");
  killTheGpuProcessUnderACall(2, 1);  // a second or more each
}

/// Nothing of the browser says that it was stopped: only its heartbeat does.
TEST_F(Processes, AStoppedBrowserIsGivenUpAndEnded) {
  load(Backend::Wasm, "q4");
  auto answer = begin(20, 8);
  const auto stopped = findBrowser(cache()).all;
  ASSERT_GT(stopped.size(), 1U);
  std::vector<base::FileDescriptor> pidfds;
  for (const auto pid : stopped) {
    base::FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ASSERT_TRUE(pidfd.valid());
    ASSERT_EQ(::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGSTOP, nullptr, 0), 0);
    pidfds.push_back(std::move(pidfd));
  }
  expectRight(answer.get(), 20, 8);
  // It took a new browser, which starts when the old one is gone.
  for (const auto& pidfd : pidfds) EXPECT_TRUE(browsers::hasEnded(pidfd));
  const auto connection = pool_->connections().at(0);
  EXPECT_EQ(connection.launches, 2U);
  EXPECT_THAT(connection.history,
              testing::Contains(testing::Field(&StateChange::reason, "heartbeat_lost")));
}

}  // namespace
}  // namespace webpool::functional

// Pages that break every expectation, played by misbehaving_browser (a fake, see there): whatever
// they send, a caller gets exactly one reply, right or a typed error, and the next call is served.
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <future>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "cli_harness.h"
#include "misbehaving_browser.h"
#include "onnx/testing/model_builder.h"
#include "reference.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

constexpr const char* kMiniLm = "all-minilm-l6-v2";

class Misbehaving : public CliTest {
 protected:
  void TearDown() override {
    model_.reset();
    pool_.reset();
    expectNothingLeft();
  }

  /// A program that misbehaves in that way; `once`: only the first time, in whichever process.
  std::filesystem::path fake(const std::string& kind, bool once = false) const {
    const auto path =
        write("fake-" + kind, "#!/bin/sh\nWEBPOOL_MISBEHAVE=" + kind +
                                  (once ? " WEBPOOL_MISBEHAVE_MARK=" + mark().native() : "") +
                                  " exec " WEBPOOL_MISBEHAVING_BROWSER " \"$@\"\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  /// Is there once the fake has misbehaved.
  std::filesystem::path mark() const { return folder() / "misbehaved"; }

  /// What the fake was told of the run that it misbehaves on.
  bool wasTold(const std::string& what) const {
    return std::filesystem::exists(mark().native() + '.' + what);
  }

  /// Within half a minute.
  bool comesToBeTold(const std::string& what) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!wasTold(what) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return wasTold(what);
  }

  /// The run's caller leaves while the fake holds it.
  void leave() {
    std::stop_source stop;
    auto cancelled = std::async(std::launch::async, [&] {
      return model_->run({input(kMisbehaveOn, 1)}, {.stop = stop.get_token()});
    });
    while (!std::filesystem::exists(mark())) std::this_thread::yield();
    stop.request_stop();
    const auto answer = cancelled.get();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().category, ErrorCategory::Cancelled) << answer.error().describe();
  }

  /// The fake holds the run for longer than its caller waits.
  void beLate() {
    const auto late = model_->run({input(kMisbehaveOn, 1)}, {.timeout = std::chrono::seconds(2)});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().category, ErrorCategory::Timeout) << late.error().describe();
  }

  void open(PoolOptions options) {
    options.dataFolder = sharedData();
    options.cacheFolder = folder() / "cache";
    options.ephemeral = true;
    auto pool = ResourcePool::open(std::move(options));
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
  }

  /// A pool of the fake alone, with y = x.
  void serveIdentity(const std::filesystem::path& program, unsigned warmSpares = 0,
                     unsigned maxBatch = 16, const char* rows = "n") {
    open({.browserPaths = {{"chromium", program}}, .warmSpares = warmSpares, .maxBatch = maxBatch});
    const auto path =
        write("identity.onnx", onnx::testing::identityModel(DataType::Fp32, {rows, 4}));
    auto model = pool_->load(path.native(), {.backend = Backend::Wasm});
    ASSERT_TRUE(model) << model.error().describe();
    model_.emplace(std::move(*model));
    ASSERT_NO_FATAL_FAILURE(expectServed(1));
  }

  /// A call that the fake answers rightly.
  void expectServed(float value) {
    const auto answer = model_->run({input(value)});
    ASSERT_TRUE(answer) << answer.error().describe();
    EXPECT_TRUE(isRight(*answer, input(value)));
  }

  static Tensor input(float first, float second = 0, std::int64_t rows = 1) {
    std::vector<float> values(static_cast<std::size_t>(rows * 4), 0.5F);
    values[0] = first;
    values[1] = second;
    return Tensor::of<float>("x", DataType::Fp32, {rows, 4}, values);
  }

  static bool isRight(const Inference& answer, const Tensor& x) {
    return answer.outputs.size() == 1 && answer.outputs[0].name == "y" &&
           answer.outputs[0].shape == x.shape &&
           std::ranges::equal(answer.outputs[0].as<float>(), x.as<float>());
  }

  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> model_;
};

/// Wrong numbers and wrong shapes: the golden gate keeps them from every caller, and the model is
/// served by the browser that answers right.
class Wrong : public Misbehaving, public testing::WithParamInterface<const char*> {};

TEST_P(Wrong, AnswersAreNeverServed) {
  ensureModel(kMiniLm, "q4");
  open({.browsers = {"chromium-webnn", "chromium"},
        .browserPaths = {{"chromium-webnn", fake(GetParam())}}});
  for (int time = 0; time < 2; ++time) {
    const auto refused = pool_->load(
        kMiniLm, {.backend = Backend::Wasm, .browser = "chromium-webnn", .dtype = "q4"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().category, ErrorCategory::WrongResult) << refused.error().describe();
  }
  auto model = pool_->load(kMiniLm, {.backend = Backend::Wasm, .dtype = "q4"});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.browser, "chromium");
  const auto reference = readMiniLmReference("q4");
  const auto answer = model->embed(std::span(reference.sentences).first(1));
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_GE(cosineSimilarity(answer->vectors[0], reference.vectors[0]), 0.999);
}

INSTANTIATE_TEST_SUITE_P(Misbehaving, Wrong, testing::Values("numbers", "shape"),
                         [](const auto& info) { return std::string(info.param); });

/// The real page's fake, in a program that crashes on its first `times` launches.
TEST_F(Misbehaving, ABrowserThatCrashesAsItStartsIsStartedOnceMore) {
  const auto crashing = [&](int times) {
    const auto count = (folder() / fmt::format("launches-{}", times)).native();
    const auto path =
        write(fmt::format("crashing-{}", times),
              fmt::format("#!/bin/sh\ncase \"$*\" in *--version*) ;; *) echo x >>{0}\n"
                          "[ $(wc -l <{0}) -gt {1} ] || kill -SEGV $$ ;; esac\n"
                          "WEBPOOL_MISBEHAVE=late exec {2} \"$@\"\n",
                          count, times, WEBPOOL_MISBEHAVING_BROWSER));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  };
  ASSERT_NO_FATAL_FAILURE(serveIdentity(crashing(1)));
  model_.reset();
  pool_.reset();
  open({.browserPaths = {{"chromium", crashing(2)}}});
  const auto path = write("identity.onnx", onnx::testing::identityModel(DataType::Fp32, {"n", 4}));
  const auto model = pool_->load(path.native(), {.backend = Backend::Wasm});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::BrowserFailed) << model.error().describe();
  EXPECT_THAT(model.error().message, HasSubstr("killed by signal 11"));
  EXPECT_THAT(model.error().hint, HasSubstr("try again"));
}

TEST_F(Misbehaving, ALateAnswerIsNobodysReply) {
  serveIdentity(fake("late", true));
  ASSERT_NO_FATAL_FAILURE(leave());
  // It goes on for longer than the model takes to load, and is ended.
  EXPECT_TRUE(comesToBeTold("cancelled"));
  EXPECT_TRUE(wasTold("withdrawn"));
  // What was cancelled is answered now, just before this one.
  expectServed(2);
  expectServed(3);
  EXPECT_EQ(pool_->connections().at(0).lateAnswers, 1U);
  EXPECT_EQ(pool_->connections().at(0).launches, 1U);
}

TEST_F(Misbehaving, ARunThatNobodyWantsIsNotEndedWhereItEndsByItself) {
  serveIdentity(fake("begun", true));
  ASSERT_NO_FATAL_FAILURE(leave());
  EXPECT_TRUE(comesToBeTold("withdrawn"));
  for (int call = 2; call < 30; ++call) expectServed(float(call));
  EXPECT_FALSE(wasTold("cancelled"));
  EXPECT_EQ(pool_->connections().at(0).lateAnswers, 0U);
  EXPECT_EQ(pool_->connections().at(0).launches, 1U);
}

TEST_F(Misbehaving, ARunThatIsTooLateIsNotEndedWhereItEndsByItself) {
  serveIdentity(fake("begun", true));
  ASSERT_NO_FATAL_FAILURE(beLate());
  EXPECT_TRUE(comesToBeTold("withdrawn"));
  for (int call = 2; call < 30; ++call) expectServed(float(call));
  EXPECT_FALSE(wasTold("cancelled")) << "which would have cost all others the model";
}

TEST_F(Misbehaving, ARunThatIsTooLateEndsWithItsReloadTime) {
  serveIdentity(fake("late", true));
  ASSERT_NO_FATAL_FAILURE(beLate());
  EXPECT_TRUE(comesToBeTold("cancelled"));
  expectServed(2);
}

TEST_F(Misbehaving, ARunThatMeetsNoModelIsRunAgain) {
  serveIdentity(fake("gone", true));
  expectServed(kMisbehaveOn);
  EXPECT_TRUE(std::filesystem::exists(mark()));
}

TEST_F(Misbehaving, TheLaterOfTwoRunsIsDroppedWhereItHasNotBegun) {
  serveIdentity(fake("waiting", true), 1, 1);
  // Until it is known of both when they are late, which takes 200 runs. More calls at once than one
  // browser may hold, so that the other one gets some of them, however fast the first one is.
  constexpr int kAtOnce = 16;
  std::map<std::string, unsigned> answers;
  const auto enough = [&] {
    return answers.size() == 2 &&
           std::ranges::all_of(answers, [](const auto& one) { return one.second >= 300; });
  };
  for (int call = 2; !enough(); call += kAtOnce) {
    std::vector<std::promise<Result<Inference>>> calls(kAtOnce);
    for (int i = 0; i < kAtOnce; ++i) {
      model_->runAsync(
          {input(1 + float(call + i) / 1e6F)}, {},
          [&one = calls[std::size_t(i)]](const auto& answer) { one.set_value(answer); });
    }
    for (auto& one : calls) {
      const auto answer = one.get_future().get();
      ASSERT_TRUE(answer) << answer.error().describe();
      ++answers[answer->ranOn.connection];
    }
  }
  const auto answer = model_->run({input(kMisbehaveOn)}, {.timeout = std::chrono::seconds(30)});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_TRUE(std::filesystem::exists(mark()));
  EXPECT_TRUE(comesToBeTold("withdrawn"));
  EXPECT_FALSE(wasTold("cancelled"));
  for (const auto& connection : pool_->connections()) EXPECT_EQ(connection.launches, 1U);
}

TEST_F(Misbehaving, ADoubledAnswerIsOneReply) {
  serveIdentity(fake("twice"));
  constexpr int kCalls = 60;
  constexpr int kCallers = 3;
  std::deque<std::atomic<int>> replies(kCalls);
  std::deque<std::atomic<bool>> right(kCalls);
  std::atomic<int> next{0};
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&] {
        for (auto call = std::size_t(next++); call < kCalls; call = std::size_t(next++)) {
          auto first = std::make_shared<std::promise<void>>();
          const auto x = input(kMisbehaveOn, static_cast<float>(call));
          model_->runAsync({x}, {}, [&, call, x, first](const Result<Inference>& answer) {
            right[call] = answer && isRight(*answer, x);
            if (++replies[call] == 1) first->set_value();
          });
          first->get_future().wait();
        }
      });
    }
  }
  expectServed(1);  // its answer comes after all those
  EXPECT_EQ(pool_->connections().at(0).lateAnswers, unsigned{kCalls});
  EXPECT_EQ(pool_->connections().at(0).launches, 1U);
  model_.reset();
  pool_.reset();  // whatever was still on its way has come
  for (const auto& count : replies) EXPECT_EQ(count, 1);
  for (const auto& one : right) EXPECT_TRUE(one);
}

TEST_F(Misbehaving, InputsThatFailTakeTheWorkerFromNobody) {
  serveIdentity(fake("internal"));
  for (int call = 2; call < 30; ++call) {
    const auto bad = model_->run({input(kMisbehaveOn, float(call))});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().category, ErrorCategory::Internal) << bad.error().describe();
    if (call % 7 == 0) ASSERT_NO_FATAL_FAILURE(expectServed(float(call)));
  }
  expectServed(2);
  EXPECT_EQ(pool_->connections().at(0).launches, 1U);
  EXPECT_EQ(pool_->connections().at(0).state, "ready");
}

TEST_F(Misbehaving, ACallInARunThatFailedForAnotherIsAnswered) {
  serveIdentity(fake("internal", true), 0, 16, "batch");
  constexpr int kCalls = 64;
  std::vector<std::promise<Result<Inference>>> calls(kCalls);
  const auto of = [](int call) {
    return call % 4 == 3 ? input(kMisbehaveOn, float(call)) : input(100 + float(call));
  };
  for (int i = 0; i < kCalls; ++i) {
    model_->runAsync({of(i)}, {},
                     [&one = calls[std::size_t(i)]](const auto& answer) { one.set_value(answer); });
  }
  for (int i = 0; i < kCalls; ++i) {
    const auto answer = calls[std::size_t(i)].get_future().get();
    if (i % 4 == 3) {
      ASSERT_FALSE(answer) << i;
      EXPECT_EQ(answer.error().category, ErrorCategory::Internal) << answer.error().describe();
    } else {
      ASSERT_TRUE(answer) << i << ": " << answer.error().describe();
      EXPECT_TRUE(isRight(*answer, of(i)));
    }
  }
  EXPECT_TRUE(wasTold("together")) << "no good call shared a run with a bad one";
  EXPECT_EQ(pool_->connections().at(0).launches, 1U);
}

TEST_F(Misbehaving, APageThatFailsOnWhatItAnsweredBeforeIsReplaced) {
  serveIdentity(fake("broken", true));
  EXPECT_FALSE(model_->run({input(kMisbehaveOn)}));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  bool served = false;
  for (int call = 2; !served && std::chrono::steady_clock::now() < until; ++call) {
    const auto answer = model_->run({input(float(call))});
    served = answer.has_value();
    if (!served) EXPECT_EQ(answer.error().category, ErrorCategory::Internal);
  }
  EXPECT_TRUE(served);
  const auto connection = pool_->connections().at(0);
  EXPECT_EQ(connection.launches, 2U);
  EXPECT_THAT(connection.history, Contains(Field(&StateChange::reason, "errors")));
}

/// The page keeps its connection open and takes nothing more from it. What waits for it in webpool
/// is bounded (two runs a worker), and when the heartbeats are missed its jobs go elsewhere.
TEST_F(Misbehaving, APageThatStopsReadingIsReplaced) {
  constexpr std::int64_t kRows = 1 << 18;  // 4 MiB, more than the sockets between them hold
  constexpr int kCallers = 4;
  serveIdentity(fake("deaf", true), 1);
  const auto big = input(kMisbehaveOn, 1, kRows);
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&] {
        for (int call = 0; call < 2; ++call) {
          const auto answer = model_->run({big});
          EXPECT_TRUE(answer) << answer.error().describe();
          if (answer) EXPECT_TRUE(isRight(*answer, big));
        }
      });
    }
  }
  EXPECT_TRUE(std::filesystem::exists(mark()));
  std::vector<StateChange> history;
  for (const auto& connection : pool_->connections()) {
    history.insert(history.end(), connection.history.begin(), connection.history.end());
  }
  EXPECT_THAT(history, Contains(Field(&StateChange::reason, "heartbeat_lost")));
}

/// What no page may send ends its session; the job is tried once more, and then given up.
class Lawless : public Misbehaving, public testing::WithParamInterface<const char*> {};

TEST_P(Lawless, AJobThatMeetsItOnceIsAnsweredBySomebodyElse) {
  serveIdentity(fake(GetParam(), true));
  ASSERT_NO_FATAL_FAILURE(expectServed(kMisbehaveOn));
  EXPECT_TRUE(std::filesystem::exists(mark()));
  EXPECT_EQ(pool_->connections().at(0).launches, 2U);
}

TEST_P(Lawless, AJobThatMeetsItTwiceIsGivenUpAndTheNextIsServed) {
  serveIdentity(fake(GetParam()));
  const auto answer = model_->run({input(kMisbehaveOn)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().category, ErrorCategory::WorkerLost) << answer.error().describe();
  EXPECT_THAT(answer.error().message, HasSubstr("browsers were lost under this job"));
  expectServed(2);
}

INSTANTIATE_TEST_SUITE_P(Misbehaving, Lawless, testing::Values("garbage", "unasked"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace webpool::functional

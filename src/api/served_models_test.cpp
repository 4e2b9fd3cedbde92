#include "api/served_models.h"

#include <gmock/gmock.h>

#include <atomic>
#include <semaphore>

namespace webpool::api {
namespace {

using State = ServedModel::State;

// No pool behind them: handles that are only passed on.
Model handle() {
  return Model(std::shared_ptr<Model::Runner>());
}

TEST(ServedModels, OneLoadForAllWhoAsk) {
  std::atomic<int> loads = 0;
  std::counting_semaphore<> go{0};
  std::counting_semaphore<> answered{0};
  ServedModels models({.names = [] { return std::vector<std::string>{"known"}; },
                       .load = [&](const std::string&, const std::stop_token&) -> Result<Model> {
                         ++loads;
                         go.acquire();
                         return handle();
                       }},
                      true);
  for (int i = 0; i < 3; ++i) {
    models.get("known", [&](const Result<Model>& model) {
      EXPECT_TRUE(model);
      answered.release();
    });
  }
  EXPECT_EQ(models.find("known")->state, State::Loading);
  EXPECT_THAT(models.waiting(), testing::ElementsAre(testing::Pair("known", 3u)));
  go.release();
  for (int i = 0; i < 3; ++i) answered.acquire();
  EXPECT_THAT(models.waiting(), testing::IsEmpty());
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(models.find("known")->state, State::Ready);
  ASSERT_TRUE(models.unload("known"));
  EXPECT_EQ(models.find("known")->state, State::Unloaded);
  EXPECT_EQ(models.unload("known").error().category, ErrorCategory::NotFound);
}

TEST(ServedModels, WhatIsKeptBackBeforeAModelWaitsToo) {
  std::shared_ptr<void> last;
  {
    ServedModels models({}, false);
    auto first = models.waitBefore("a");
    last = models.waitBefore("a");
    const auto other = models.waitBefore("b");
    EXPECT_THAT(models.waiting(),
                testing::ElementsAre(testing::Pair("a", 2u), testing::Pair("b", 1u)));
    first.reset();
    EXPECT_THAT(models.waiting(),
                testing::ElementsAre(testing::Pair("a", 1u), testing::Pair("b", 1u)));
  }
}

TEST(ServedModels, AStrangersNameLoadsNothing) {
  ServedModels models({.names = [] { return std::vector<std::string>{"known"}; },
                       .load = [](const std::string&, const std::stop_token&) -> Result<Model> {
                         ADD_FAILURE();
                         return handle();
                       }},
                      false);
  std::vector<ErrorCategory> errors;
  const auto keep = [&](const Result<Model>& model) { errors.push_back(model.error().category); };
  models.get("../../etc/model.onnx", keep);
  models.load("other", keep);
  models.get("known", keep);
  EXPECT_THAT(errors, testing::ElementsAre(ErrorCategory::NotFound, ErrorCategory::NotFound,
                                           ErrorCategory::BrowserFailed));
  EXPECT_EQ(models.find("other").error().category, ErrorCategory::NotFound);
}

TEST(ServedModels, AFailedLoadIsToldAndMayBeTriedAgain) {
  int tries = 0;
  std::counting_semaphore<> answered{0};
  ServedModels models({.names = [] { return std::vector<std::string>{"known"}; },
                       .load = [&](const std::string&, const std::stop_token&) -> Result<Model> {
                         if (++tries == 1) return fail(ErrorCategory::OutOfMemory, "too big");
                         return handle();
                       }},
                      true);
  models.get("known", [&](const Result<Model>& model) {
    EXPECT_EQ(model.error().category, ErrorCategory::OutOfMemory);
    answered.release();
  });
  answered.acquire();
  EXPECT_EQ(models.find("known")->reason, "too big");
  models.get("known", [&](const Result<Model>& model) {
    EXPECT_TRUE(model);
    answered.release();
  });
  answered.acquire();
}

TEST(ServedModels, TheEndStopsLoadsAndAnswersWhoWaits) {
  std::counting_semaphore<> began{0};
  bool cancelled = false;
  {
    ServedModels models(
        {.names = [] { return std::vector<std::string>{"known"}; },
         .load = [&](const std::string&, const std::stop_token& stop) -> Result<Model> {
           std::binary_semaphore stopped{0};
           const std::stop_callback wake(stop, [&] { stopped.release(); });
           began.release();
           stopped.acquire();
           return fail(ErrorCategory::Cancelled, "stopped");
         }},
        true);
    models.get("known", [&](const Result<Model>& model) {
      cancelled = model.error().category == ErrorCategory::Cancelled;
    });
    began.acquire();
  }
  EXPECT_TRUE(cancelled);
}

TEST(ServedModels, AModelForATaskIsFoundWithoutLoadingOne) {
  ServedModels models({.names = [] { return std::vector<std::string>{"a", "b", "c"}; },
                       .load = [](const std::string&, const std::stop_token&) -> Result<Model> {
                         ADD_FAILURE() << "nobody asked for it";
                         return handle();
                       },
                       .task =
                           [](const std::string& name) {
                             return std::string(name == "a" ? "speech" : "embedding");
                           }},
                      true);
  EXPECT_EQ(models.forTask("embedding"), "b");
  EXPECT_EQ(models.forTask("speech"), "a");
  EXPECT_EQ(models.forTask("ocr"), std::nullopt);
  EXPECT_TRUE(models.ready()) << "none was to be loaded";
  models.expect("c");
  EXPECT_EQ(models.forTask("embedding"), "c") << "one that is being loaded is better";
  EXPECT_FALSE(models.ready());
}

}  // namespace
}  // namespace webpool::api

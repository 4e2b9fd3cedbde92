#include "pool/dispatcher.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

namespace webpool::pool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DispatcherTest : public testing::Test {
 protected:
  Dispatcher::RunId run(Dispatcher::WorkerId worker, const std::string& name,
                        unsigned threads = 1) {
    return dispatcher_.enqueue(worker, threads, [this, name] {
      sent_.push_back(name);
      return true;
    });
  }

  Dispatcher dispatcher_{2};
  std::vector<std::string> sent_;
};

TEST_F(DispatcherTest, TwoAreInFlightAndTheThirdWaits) {
  run(1, "a");
  run(1, "b");
  run(1, "c");
  EXPECT_THAT(sent_, ElementsAre("a", "b"));
  dispatcher_.finished(1);
  EXPECT_THAT(sent_, ElementsAre("a", "b", "c"));
}

TEST_F(DispatcherTest, NoMoreThreadsThanCores) {
  run(1, "a");
  run(2, "b");
  run(3, "c");
  EXPECT_THAT(sent_, ElementsAre("a", "b"));
  EXPECT_EQ(dispatcher_.threads().threadsInUse(), 2U);
  dispatcher_.finished(2);
  EXPECT_THAT(sent_, ElementsAre("a", "b", "c"));
}

TEST_F(DispatcherTest, AnIdleWorkerTakesNoThread) {
  run(1, "a");
  dispatcher_.finished(1);
  EXPECT_EQ(dispatcher_.threads().threadsInUse(), 0U);
  EXPECT_EQ(dispatcher_.waiting(), 0U);
}

TEST_F(DispatcherTest, ABusyWorkerGivesWayToOneThatWaits) {
  run(1, "a1");
  run(1, "a2");
  run(1, "a3");
  run(2, "b", 2);  // needs both cores
  EXPECT_THAT(sent_, ElementsAre("a1", "a2"));
  dispatcher_.finished(1);
  EXPECT_THAT(sent_, ElementsAre("a1", "a2"));  // a3 stays behind
  dispatcher_.finished(1);
  EXPECT_THAT(sent_, ElementsAre("a1", "a2", "b"));
  dispatcher_.finished(2);
  EXPECT_THAT(sent_, ElementsAre("a1", "a2", "b", "a3"));
}

TEST_F(DispatcherTest, ARunThatIsNotSentLetsTheNextOneGo) {
  run(1, "a");
  run(1, "b");
  dispatcher_.enqueue(1, 1, [] { return false; });
  run(1, "c");
  dispatcher_.finished(1);
  EXPECT_THAT(sent_, ElementsAre("a", "b", "c"));
  dispatcher_.finished(1);
  dispatcher_.finished(1);
  EXPECT_EQ(dispatcher_.threads().threadsInUse(), 0U);
}

TEST_F(DispatcherTest, AWithdrawnRunIsNeverSent) {
  run(1, "a");
  run(2, "b");
  const auto third = run(3, "c");
  const auto fourth = run(1, "d");
  EXPECT_TRUE(dispatcher_.withdraw(3, third));
  EXPECT_FALSE(dispatcher_.withdraw(3, third));
  dispatcher_.finished(1);
  dispatcher_.finished(2);
  EXPECT_THAT(sent_, testing::Not(testing::Contains("c")));
  EXPECT_FALSE(dispatcher_.withdraw(1, fourth));  // it is under way
}

TEST_F(DispatcherTest, AStrayEndChangesNothing) {
  dispatcher_.finished(7);
  run(1, "a");
  dispatcher_.finished(7);
  EXPECT_EQ(dispatcher_.threads().threadsInUse(), 1U);
}

/// Whatever the order: each run is sent once or withdrawn, never too many at once, none is left.
TEST(DispatcherRandom, EveryRunGetsItsTurn) {
  std::mt19937 random(20261123);
  for (int life = 0; life < 300; ++life) {
    const unsigned cores = 1 + random() % 4;
    Dispatcher dispatcher(cores);
    std::map<Dispatcher::WorkerId, unsigned> threads;
    for (Dispatcher::WorkerId id = 1; id <= 5; ++id) threads[id] = random() % (cores + 2);
    std::map<Dispatcher::WorkerId, unsigned> inFlight;
    std::vector<std::pair<Dispatcher::WorkerId, Dispatcher::RunId>> all;
    std::size_t sent = 0;
    std::size_t gone = 0;
    std::size_t unsent = 0;
    const auto check = [&] {
      unsigned used = 0;
      bool wide = false;
      unsigned takers = 0;
      for (const auto& [id, count] : inFlight) {
        ASSERT_LE(count, 2U);
        if (count == 0 || threads[id] == 0) continue;
        used += threads[id];
        ++takers;
        wide = wide || threads[id] > cores;
      }
      ASSERT_TRUE(used <= cores || (wide && takers == 1)) << used << " of " << cores;
    };
    for (int step = 0; step < 200; ++step) {
      const Dispatcher::WorkerId id = 1 + random() % 5;
      switch (random() % 4) {
        case 0:
        case 1: {
          const bool fails = random() % 8 == 0;
          all.emplace_back(id, dispatcher.enqueue(id, threads[id], [&, id, fails] {
            if (fails) {
              ++unsent;
              return false;
            }
            ++sent;
            ++inFlight[id];
            return true;
          }));
          break;
        }
        case 2:
          if (inFlight[id] > 0) {
            --inFlight[id];
            dispatcher.finished(id);
          }
          break;
        default:
          if (!all.empty()) {
            const auto& [worker, run] = all[random() % all.size()];
            gone += dispatcher.withdraw(worker, run) ? 1 : 0;
          }
      }
      check();
    }
    for (bool any = true; any;) {
      any = false;
      for (auto& [id, count] : inFlight) {
        if (count == 0) continue;
        --count;
        dispatcher.finished(id);
        any = true;
        check();
      }
    }
    EXPECT_EQ(sent + gone + unsent, all.size());
    EXPECT_EQ(dispatcher.waiting(), 0U);
    EXPECT_EQ(dispatcher.threads().threadsInUse(), 0U);
  }
}

}  // namespace
}  // namespace webpool::pool

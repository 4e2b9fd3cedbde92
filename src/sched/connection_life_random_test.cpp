// Random lives, the same in each run: any event in any state, and a model of the shell that checks
// what it is asked to do.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "sched/connection_life.h"

namespace webpool::sched {
namespace {

using enum LifeState;

bool isAllowed(LifeState from, LifeState to) {
  static const std::set<std::pair<LifeState, LifeState>> kEdges{
      {Starting, Probing},   {Starting, Gated},    {Starting, Recycling}, {Starting, Dead},
      {Probing, Gated},      {Probing, Recycling}, {Probing, Dead},       {Gated, Ready},
      {Gated, Busy},         {Gated, Draining},    {Gated, Recycling},    {Gated, Dead},
      {Ready, Busy},         {Ready, Draining},    {Ready, Recycling},    {Ready, Dead},
      {Busy, Ready},         {Busy, Draining},     {Busy, Recycling},     {Busy, Dead},
      {Draining, Recycling}, {Draining, Dead},     {Recycling, Starting}, {Recycling, Dead},
      {Dead, Starting},
  };
  return kEdges.contains({from, to});
}

class RandomLife {
 public:
  explicit RandomLife(std::uint64_t seed) : random_(seed), life_(options(), now_) { perform(); }

  void run(int steps) {
    for (int i = 0; i < steps && !life_.hasEnded(); ++i) {
      now_ += std::chrono::milliseconds(below(4) == 0 ? below(40'000) : below(200));
      event();
      perform();
      if (::testing::Test::HasFatalFailure()) return;
      ASSERT_EQ(life_.accepts(), life_.state() == Ready || life_.state() == Busy);
      ASSERT_EQ(life_.openJobs(), open_.size());
      ASSERT_LE(life_.history().size(), options().history);
    }
    settle();
  }

  std::uint64_t finished = 0;
  std::uint64_t givenBack = 0;
  std::uint64_t launches() const { return life_.incarnation(); }
  const std::set<LifeState>& seen() const { return seen_; }

 private:
  static LifeOptions options() {
    LifeOptions options;
    options.recycle.maxJobs = 40;
    options.recycle.maxAge = std::chrono::minutes(20);
    options.history = 16;
    return options;
  }

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  void event() {
    switch (below(24)) {
      case 0:
        return life_.launchBegan(now_);
      case 1:
        if (below(4) == 0) {
          running_ = false;  // the shell reports it when nothing runs
          life_.launchFailed({ErrorCategory::BrowserFailed, "no start", ""}, now_);
        }
        return;
      case 2:
      case 3:
        return life_.pageReady(now_);
      case 4:
      case 5:
        return life_.gatePassed(now_);
      case 6:
        return life_.gateFailed({ErrorCategory::Internal, "gate", ""}, now_);
      case 7:
        return life_.healthChecked(below(4) != 0, now_);
      case 8:
        if (below(4) == 0) life_.heartbeatLost(now_);
        return;
      case 9:
        if (below(4) == 0) life_.deviceLost(now_);
        return;
      case 10:
        if (below(4) == 0) {
          running_ = false;
          life_.processEnded("signal 9", now_);
        }
        return;
      case 11:
        return life_.memorySampled({below(std::uint64_t{1} << 32), 0}, now_);
      case 12:
        return life_.drained(now_);
      case 13:
        if (life_.state() == Recycling) running_ = false;
        return life_.stopped(now_);
      case 14:
        if (below(8) == 0) life_.recycleAsked("why not", now_);
        if (below(8) == 0) life_.knownInputsFailed({ErrorCategory::Internal, "run", ""}, now_);
        return;
      case 15:
        return life_.jobEnded(1'000'000, std::nullopt, now_);  // never begun
      case 16:
      case 17:
      case 18:
        return begin();
      case 19:
      case 20:
        return finish();
      default:
        return life_.tick(now_);
    }
  }

  void begin() {
    const auto job = ++lastJob_;
    const bool may = life_.acceptsLoads();
    ASSERT_EQ(life_.jobBegan(job, now_), may);
    if (may) open_.insert(job);
  }
  void finish() {
    if (open_.empty()) return;
    const auto job = *std::next(open_.begin(), static_cast<std::ptrdiff_t>(below(open_.size())));
    open_.erase(job);
    ++finished;
    std::optional<ErrorCategory> error;
    if (below(3) == 0) error = below(2) == 0 ? ErrorCategory::Internal : ErrorCategory::Protocol;
    life_.jobEnded(job, error, now_);
  }

  void perform() {
    for (auto& action : life_.takeActions()) {
      ASSERT_FALSE(ended_) << "something follows the end";
      std::visit([this](auto& one) { perform(one); }, action);
    }
    seen_.insert(life_.state());
  }
  void perform(const Transition& change) {
    ASSERT_EQ(change.from, state_);
    ASSERT_TRUE(isAllowed(change.from, change.to))
        << lifeStateName(change.from) << " to " << lifeStateName(change.to);
    ASSERT_EQ(change.at, now_);
    state_ = change.to;
    if (change.to == Dead || change.to == Starting) {
      ASSERT_TRUE(open_.empty());
    }
  }
  void perform(const Launch&) {
    ASSERT_FALSE(running_) << "two browsers";
    ASSERT_EQ(state_, Starting);
    running_ = true;
  }
  void perform(const RelaunchAt& action) {
    ASSERT_EQ(state_, Dead);
    ASSERT_GT(action.at, now_);
    ASSERT_LE(action.at, now_ + std::chrono::seconds(30));
  }
  void perform(const GiveBackJobs& action) {
    ASSERT_FALSE(action.jobs.empty());
    for (const auto job : action.jobs) ASSERT_EQ(open_.erase(job), 1u) << "job " << job;
    givenBack += action.jobs.size();
  }
  void perform(const Drain& action) {
    ASSERT_FALSE(open_.empty());
    ASSERT_GT(action.deadline, now_);
  }
  void perform(const Stop&) {
    ASSERT_EQ(state_, Recycling);
    ASSERT_TRUE(open_.empty()) << "jobs are stopped under their caller";
  }
  void perform(const Recycled&) { ASSERT_FALSE(running_); }
  void perform(const CheckHealth&) {
    ASSERT_TRUE(state_ == Gated || state_ == Ready || state_ == Busy);
  }
  void perform(const Ended&) {
    ended_ = true;
    ASSERT_EQ(state_, Dead);
    ASSERT_FALSE(running_);
  }

  /// Whatever came before: asked to end it ends, by the clock and the shell's answers alone.
  void settle() {
    life_.endAsked(now_);
    perform();
    for (int i = 0; i < 10 && !life_.hasEnded(); ++i) {
      const auto next = life_.nextDeadline();
      ASSERT_TRUE(next);
      now_ = std::max(now_, *next);
      life_.tick(now_);
      if (life_.state() == Recycling) {
        running_ = false;
        life_.stopped(now_);
      }
      perform();
    }
    ASSERT_TRUE(life_.hasEnded());
    ASSERT_TRUE(open_.empty());
    ASSERT_EQ(life_.nextDeadline(), std::nullopt);
  }

  std::mt19937_64 random_;
  TimePoint now_{std::chrono::hours(1)};
  ConnectionLife life_;
  LifeState state_ = Starting;
  std::set<JobId> open_;
  JobId lastJob_ = 0;
  bool running_ = false;
  bool ended_ = false;
  std::set<LifeState> seen_;
};

TEST(ConnectionLifeRandom, NoEventLosesAJobOrReachesAnImpossibleState) {
  std::uint64_t finished = 0, givenBack = 0, launches = 0;
  std::set<LifeState> seen;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomLife life(seed);
    life.run(1500);
    if (::testing::Test::HasFailure()) return;
    finished += life.finished;
    givenBack += life.givenBack;
    launches += life.launches();
    seen.insert(life.seen().begin(), life.seen().end());
  }
  // Lives in which little happens prove little.
  EXPECT_EQ(seen.size(), 8u);
  EXPECT_GT(finished, 5'000u);
  EXPECT_GT(givenBack, 500u);
  EXPECT_GT(launches, 3'000u);
}

}  // namespace
}  // namespace webpool::sched

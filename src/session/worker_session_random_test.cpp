// Random lives of a session, the same in each run: a page that keeps to the protocol over a
// connection that breaks at any moment, losing what was on its way in either direction.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

#include "session/testing/model_page.h"
#include "session/testing/session_script.h"

namespace webpool::session {
namespace {

using namespace testing;

class RandomLife {
 public:
  RandomLife(std::uint64_t seed, bool mayGiveUp)
      : random_(seed), mayGiveUp_(mayGiveUp), script_(options()) {}

  void run() {
    for (int step = 0; step < 400 && !script_.session.hasEnded(); ++step) {
      if (below(100) < 3) draining_ = draining_ || step > 200;
      this->step();
      carry();
      ASSERT_LE(page_.keptAnswers(), 2 * options().maxOpen);
    }
    settle();
    check();
  }

  std::size_t answered() const { return script_.done().size(); }
  int breaks() const { return breaks_; }

 private:
  static SessionOptions options() {
    auto options = SessionScript::defaults();
    options.maxOpen = 8;
    return options;
  }

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  bool connected() const { return channel_ != 0; }

  void step() {
    const auto choice = below(100);
    if (choice < 30) {
      submit();
    } else if (choice < 55) {
      say(page_.finishOne(below(8)));
    } else if (choice < 75) {
      deliverToPage();
    } else if (choice < 90) {
      deliverToPool();
    } else if (choice < 93) {
      connected() ? breakOff() : connect();
    } else if (choice < 97) {
      script_.pass(std::chrono::milliseconds(below(700)));
      if (connected()) script_.session.bytesReceived(channel_);
    } else if (!connected()) {
      connect();
    } else if (mayGiveUp_ && !accepted_.empty()) {
      const auto id = accepted_[below(accepted_.size())];
      below(2) == 0 ? script_.cancel(id) : script_.withdraw(id);
    } else if (!toPool_.empty()) {
      toPool_.push_back(toPool_.front());  // doubled
    }
  }

  void submit() {
    WorkerSession::Request request = runOf();
    switch (below(8)) {
      case 0:
        request = loadOf("m" + std::to_string(below(3)));
        break;
      case 1:
        request = wire::Unload{0, "m1"};
        break;
      case 2:
        request = wire::StatsRequest{};
        break;
      case 3:
        request = wire::EchoRequest{};
        break;
      default:
        break;
    }
    if (draining_ && !drained_) {
      request = wire::Drain{};
    }
    std::optional<TimePoint> deadline;
    if (mayGiveUp_ && below(5) == 0)
      deadline = script_.now + std::chrono::milliseconds(below(3000));
    const bool isDrain = std::holds_alternative<wire::Drain>(request);
    if (const auto id = script_.session.submit(std::move(request), deadline)) {
      accepted_.push_back(*id);
      drained_ = drained_ || isDrain;
    }
    script_.pass(std::chrono::nanoseconds(0));
  }

  void connect() {
    ++channel_;
    if (channel_ <= lastChannel_) channel_ = lastChannel_ + 1;
    lastChannel_ = channel_;
    if (lastChannel_ == 1) {
      script_.connect();
    } else {
      script_.reconnect(channel_, page_.known());
    }
  }
  void breakOff() {
    ++breaks_;
    script_.breakOff(channel_);
    channel_ = 0;
    welcomed_ = false;
    toPage_.clear();
    toPool_.clear();
    seen_ = script_.frames.size();
  }

  /// What the session sent is now on its way.
  void carry() {
    for (; seen_ < script_.frames.size(); ++seen_) {
      if (connected()) toPage_.push_back(script_.frames[seen_]);
    }
  }
  /// Between its hello and the welcome the page keeps its answers for itself.
  void say(const std::vector<wire::PageMessage>& messages) {
    if (welcomed_) toPool_.insert(toPool_.end(), messages.begin(), messages.end());
  }
  void deliverToPage() {
    carry();
    if (toPage_.empty()) return;
    const auto frame = std::move(toPage_.front());
    toPage_.pop_front();
    welcomed_ = welcomed_ || std::holds_alternative<wire::Welcome>(frame.message);
    say(page_.receive(frame));
  }
  void deliverToPool() {
    if (toPool_.empty()) return;
    const auto message = std::move(toPool_.front());
    toPool_.pop_front();
    script_.page(message, channel_);
  }

  /// The connection holds from now on, and the page finishes all.
  void settle() {
    if (script_.session.hasEnded()) return;
    if (!connected()) connect();
    for (int round = 0; round < 2000; ++round) {
      deliverToPage();
      say(page_.finishOne(below(8)));
      deliverToPool();
    }
    EXPECT_EQ(script_.session.openRequests(), 0u);
    script_.passAlive(std::chrono::seconds(6), channel_);  // a ping confirms the last answers
    for (int round = 0; round < 50; ++round) deliverToPage();
    EXPECT_EQ(page_.keptAnswers(), 0u);
    EXPECT_FALSE(page_.isBusy());
    script_.close();
  }

  void check() {
    std::map<RequestId, int> outcomes;
    for (const auto id : script_.done()) ++outcomes[id];
    for (const auto& [id, category] : script_.failed()) {
      ++outcomes[id];
      // Without cancels and deadlines nothing but the end of the session makes a request fail.
      if (!mayGiveUp_ && !graceOver()) {
        ADD_FAILURE() << id << " failed: " << categoryName(category);
      }
    }
    ASSERT_EQ(outcomes.size(), accepted_.size());
    for (const auto id : accepted_) EXPECT_EQ(outcomes[id], 1) << "request " << id;
    for (const auto& [id, times] : page_.begun()) EXPECT_EQ(times, 1) << "request " << id;
    EXPECT_EQ(script_.all<Ended>().size(), 1u);
    for (const auto& close : script_.closed)
      EXPECT_NE(close.code, CloseCode::Protocol) << close.reason;
  }
  bool graceOver() const {
    const auto ended = script_.all<Ended>();
    return !ended.empty() && ended.front().cause.has_value();
  }

  std::mt19937_64 random_;
  bool mayGiveUp_;
  SessionScript script_;
  ModelPage page_;
  ChannelId channel_ = 0;
  ChannelId lastChannel_ = 0;
  int breaks_ = 0;
  bool welcomed_ = false;
  bool draining_ = false;
  bool drained_ = false;
  std::size_t seen_ = 0;  ///< of script_.frames
  std::deque<wire::PoolFrame> toPage_;
  std::deque<wire::PageMessage> toPool_;
  std::vector<RequestId> accepted_;
};

void live(bool mayGiveUp) {
  std::size_t answered = 0;
  int breaks = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomLife life(seed, mayGiveUp);
    life.run();
    answered += life.answered();
    breaks += life.breaks();
    if (::testing::Test::HasFailure()) return;
  }
  // Lives in which little happens prove little.
  EXPECT_GT(answered, 2500u);
  EXPECT_GT(breaks, 300);
}

TEST(WorkerSessionRandom, BrokenConnectionsLoseAndDoubleNothing) {
  live(false);
}

TEST(WorkerSessionRandom, EachRequestHasOneOutcomeWithCancelsAndDeadlines) {
  live(true);
}

/// Any message about any request, and sometimes bytes that are none.
std::string hostileFrame(std::mt19937_64& random) {
  const RequestId id = random() % 10;
  wire::PageMessage message = wire::Log{wire::LogLevel::Info, "x"};
  switch (random() % 12) {
    case 0:
      message = wire::Hello{};
      break;
    case 1:
      message = wire::Progress{id + 1, wire::LoadPhase::Fetch, 0, 0, ""};
      break;
    case 2:
      message = loadedOf(id + 1);
      break;
    case 3:
      message = wire::Unloaded{id + 1};
      break;
    case 4:
      message = wire::Stats{id + 1, {}, {}};
      break;
    case 5:
      message = wire::EchoResult{id + 1, {}};
      break;
    case 6:
      message = wire::Pong{id + 1};
      break;
    case 7:
      message = wire::Drained{id + 1};
      break;
    case 8:
    case 9:
      message = failureOf(id, ErrorCategory::Cancelled, {"m1"});
      break;
    case 10:
      message = resultOf(id + 1);
      break;
    default:
      break;
  }
  std::string frame(frameOf(message).text());
  if (random() % 20 == 0) frame[random() % frame.size()] = static_cast<char>(random());
  return frame;
}

TEST(WorkerSessionRandom, WhateverAPageSaysEachRequestHasOneOutcome) {
  std::size_t answered = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    SessionScript script;
    script.connect();
    std::map<RequestId, wire::PageMessage> accepted;  // with the right answers
    const auto submit = [&](WorkerSession::Request request, auto answerOf) {
      if (const auto id = script.session.submit(std::move(request))) {
        accepted.emplace(*id, answerOf(*id));
      }
    };
    for (int step = 0; step < 30; ++step) {
      switch (random() % 8) {
        case 0:
          submit(loadOf(), [](RequestId id) { return loadedOf(id); });
          break;
        case 1:
          submit(runOf(), resultOf);
          break;
        case 2:
          submit(wire::StatsRequest{}, [](RequestId id) { return wire::Stats{id, {}, {}}; });
          break;
        case 3:
          script.cancel(random() % 10);
          break;
        default:
          if (accepted.empty() || random() % 4 == 0) {
            script.raw(hostileFrame(random));
          } else {  // a right answer, perhaps once more
            const auto pick = static_cast<std::ptrdiff_t>(random() % accepted.size());
            script.page(std::next(accepted.begin(), pick)->second);
          }
      }
    }
    script.close();
    std::map<RequestId, int> outcomes;
    for (const auto id : script.done()) ++outcomes[id];
    for (const auto& [id, category] : script.failed()) ++outcomes[id];
    ASSERT_EQ(outcomes.size(), accepted.size());
    for (const auto& [id, answer] : accepted) ASSERT_EQ(outcomes[id], 1) << "request " << id;
    ASSERT_EQ(script.all<Ended>().size(), 1u);
    ASSERT_TRUE(std::holds_alternative<Ended>(script.outcomes.back()));
    answered += script.done().size();
  }
  EXPECT_GT(answered, 300u);  // or the pages were refused before they did anything
}

}  // namespace
}  // namespace webpool::session

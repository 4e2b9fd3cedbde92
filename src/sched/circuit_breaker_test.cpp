#include "sched/circuit_breaker.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace webpool::sched {
namespace {

using std::chrono::seconds;
using State = CircuitBreaker::State;

const TimePoint kStart{seconds(1000)};

Error errorOf(ErrorCategory category) {
  return {category, "the worker ended", ""};
}

void failOnce(CircuitBreaker& breaker, TimePoint now,
              ErrorCategory category = ErrorCategory::WorkerLost) {
  breaker.failed(breaker.begin(now), errorOf(category), now);
}

CircuitBreaker opened() {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) failOnce(breaker, kStart);
  return breaker;
}

TEST(CircuitBreaker, FiveFailuresInARowOpenIt) {
  CircuitBreaker breaker;
  for (int i = 0; i < 4; ++i) failOnce(breaker, kStart);
  EXPECT_TRUE(breaker.allows(kStart));
  EXPECT_FALSE(breaker.cause());
  failOnce(breaker, kStart, ErrorCategory::OutOfMemory);
  EXPECT_FALSE(breaker.allows(kStart));
  EXPECT_EQ(breaker.state(kStart), State::Open);
  ASSERT_TRUE(breaker.cause());
  EXPECT_EQ(breaker.cause()->category, ErrorCategory::OutOfMemory);
  EXPECT_EQ(breaker.trialAt(), kStart + seconds(30));
}

TEST(CircuitBreaker, ASuccessBetweenKeepsItClosed) {
  CircuitBreaker breaker;
  for (int i = 0; i < 40; ++i) {
    if (i % 5 == 4) {
      breaker.succeeded(breaker.begin(kStart));
    } else {
      failOnce(breaker, kStart);
    }
  }
  EXPECT_EQ(breaker.state(kStart), State::Closed);
}

TEST(CircuitBreaker, WhatTheCallerDidDoesNotCount) {
  for (const auto category : {ErrorCategory::InvalidInput, ErrorCategory::Cancelled,
                              ErrorCategory::Timeout, ErrorCategory::InvalidArgument}) {
    CircuitBreaker breaker;
    for (int i = 0; i < 100; ++i) failOnce(breaker, kStart, category);
    EXPECT_TRUE(breaker.allows(kStart)) << categoryName(category);
  }
  for (const auto category : {ErrorCategory::WorkerLost, ErrorCategory::Protocol,
                              ErrorCategory::WrongResult, ErrorCategory::OutOfMemory}) {
    CircuitBreaker breaker;
    for (int i = 0; i < 5; ++i) failOnce(breaker, kStart, category);
    EXPECT_FALSE(breaker.allows(kStart)) << categoryName(category);
  }
}

TEST(CircuitBreaker, ACallersMistakeBetweenFailuresNeitherCountsNorForgives) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) {
    failOnce(breaker, kStart);
    if (i < 4) failOnce(breaker, kStart, ErrorCategory::InvalidInput);
  }
  EXPECT_FALSE(breaker.allows(kStart));
}

TEST(CircuitBreaker, AfterThirtySecondsOneTrialAtATime) {
  auto breaker = opened();
  EXPECT_FALSE(breaker.allows(kStart + seconds(30) - std::chrono::nanoseconds(1)));
  const auto now = kStart + seconds(30);
  EXPECT_TRUE(breaker.allows(now));
  EXPECT_EQ(breaker.state(now), State::HalfOpen);
  const auto trial = breaker.begin(now);
  EXPECT_FALSE(breaker.allows(now));
  breaker.succeeded(trial);
  EXPECT_TRUE(breaker.allows(now));
  EXPECT_EQ(breaker.state(now), State::HalfOpen);
}

TEST(CircuitBreaker, ThreeGoodTrialsCloseIt) {
  auto breaker = opened();
  const auto now = kStart + seconds(31);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(breaker.state(now), State::HalfOpen);
    breaker.succeeded(breaker.begin(now));
  }
  EXPECT_EQ(breaker.state(now), State::Closed);
  EXPECT_FALSE(breaker.cause());
  for (int i = 0; i < 4; ++i) failOnce(breaker, now);  // it counts from zero again
  EXPECT_TRUE(breaker.allows(now));
}

TEST(CircuitBreaker, AFailedTrialOpensItForAsLongAgain) {
  auto breaker = opened();
  const auto now = kStart + seconds(31);
  breaker.succeeded(breaker.begin(now));
  breaker.succeeded(breaker.begin(now));
  failOnce(breaker, now);
  EXPECT_FALSE(breaker.allows(now + seconds(29)));
  EXPECT_TRUE(breaker.allows(now + seconds(30)));
  // The two good trials of before count no more.
  breaker.succeeded(breaker.begin(now + seconds(30)));
  EXPECT_EQ(breaker.state(now + seconds(30)), State::HalfOpen);
}

TEST(CircuitBreaker, ATrialWithoutAVerdictMakesRoomForTheNext) {
  auto breaker = opened();
  const auto now = kStart + seconds(30);
  breaker.withdrawn(breaker.begin(now));
  EXPECT_TRUE(breaker.allows(now));
  failOnce(breaker, now, ErrorCategory::Cancelled);
  EXPECT_TRUE(breaker.allows(now));
  EXPECT_EQ(breaker.state(now), State::HalfOpen);
}

TEST(CircuitBreaker, JobsFromBeforeItOpenedDecideNothing) {
  CircuitBreaker breaker;
  std::vector<CircuitBreaker::Ticket> early;
  for (int i = 0; i < 10; ++i) early.push_back(breaker.begin(kStart));
  for (int i = 0; i < 5; ++i) failOnce(breaker, kStart);
  for (int i = 0; i < 4; ++i) breaker.succeeded(early[static_cast<std::size_t>(i)]);
  EXPECT_EQ(breaker.state(kStart), State::Open);
  const auto now = kStart + seconds(30);
  const auto trial = breaker.begin(now);
  breaker.failed(early[4], errorOf(ErrorCategory::WorkerLost), now);
  breaker.withdrawn(early[5]);
  breaker.succeeded(early[6]);
  EXPECT_EQ(breaker.state(now), State::HalfOpen);
  EXPECT_FALSE(breaker.allows(now));  // the trial is still open
  breaker.succeeded(trial);
  EXPECT_TRUE(breaker.allows(now));
}

/// So many that may be the inputs' fault; whether the last one asked for a proof.
std::optional<CircuitBreaker::Ticket> doubt(CircuitBreaker& breaker, int times, TimePoint now) {
  std::optional<CircuitBreaker::Ticket> proof;
  for (int i = 0; i < times; ++i) {
    const auto ticket = breaker.begin(now);
    if (breaker.failed(ticket, errorOf(ErrorCategory::Internal), now)) proof = ticket;
  }
  return proof;
}

TEST(CircuitBreaker, WhatMayBeTheInputsFaultOpensNothingByItself) {
  CircuitBreaker breaker;
  EXPECT_FALSE(doubt(breaker, 4, kStart));
  const auto proof = doubt(breaker, 1, kStart);
  ASSERT_TRUE(proof);
  EXPECT_FALSE(doubt(breaker, 100, kStart)) << "one proof at a time";
  EXPECT_TRUE(breaker.allows(kStart));
  breaker.proofSucceeded(*proof);
  EXPECT_TRUE(breaker.allows(kStart));
  EXPECT_FALSE(doubt(breaker, 4, kStart)) << "the count starts anew";
  EXPECT_TRUE(doubt(breaker, 1, kStart));
}

TEST(CircuitBreaker, KnownInputsThatFailTooOpenIt) {
  CircuitBreaker breaker;
  const auto proof = doubt(breaker, 5, kStart);
  ASSERT_TRUE(proof);
  breaker.proofFailed(*proof, errorOf(ErrorCategory::WrongResult), kStart);
  EXPECT_FALSE(breaker.allows(kStart));
  ASSERT_TRUE(breaker.cause());
  EXPECT_EQ(breaker.cause()->category, ErrorCategory::WrongResult);
  breaker.proofSucceeded(*proof);  // of a spell that is over
  EXPECT_FALSE(breaker.allows(kStart));
}

TEST(CircuitBreaker, AProofWithoutAVerdictIsAskedForAgain) {
  CircuitBreaker breaker;
  const auto proof = doubt(breaker, 5, kStart);
  ASSERT_TRUE(proof);
  breaker.proofWithdrawn(*proof);
  EXPECT_TRUE(breaker.allows(kStart));
  EXPECT_TRUE(doubt(breaker, 1, kStart));
}

TEST(CircuitBreaker, FailuresThatAreCertainNeedNoProof) {
  CircuitBreaker breaker;
  EXPECT_FALSE(doubt(breaker, 4, kStart));
  EXPECT_TRUE(breaker.failed(breaker.begin(kStart), errorOf(ErrorCategory::OutOfMemory), kStart))
      << "most of them are doubtful";
  for (int i = 0; i < 4; ++i) failOnce(breaker, kStart);
  EXPECT_FALSE(breaker.allows(kStart)) << "five are certain";
}

TEST(CircuitBreaker, ADoubtfulTrialIsDecidedByItsProof) {
  const auto now = kStart + seconds(30);
  for (const bool right : {false, true}) {
    auto breaker = opened();
    const auto proof = doubt(breaker, 1, now);
    ASSERT_TRUE(proof);
    EXPECT_FALSE(breaker.allows(now)) << "the trial goes on";
    if (right) {
      breaker.proofSucceeded(*proof);
    } else {
      breaker.proofFailed(*proof, errorOf(ErrorCategory::Internal), now);
    }
    EXPECT_EQ(breaker.allows(now), right);
    EXPECT_EQ(breaker.state(now), right ? State::HalfOpen : State::Open);
  }
}

TEST(CircuitBreaker, NeverTwoTrialsAndNeverWorkWhileOpen) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    CircuitBreaker breaker;
    TimePoint now = kStart;
    std::vector<CircuitBreaker::Ticket> open;
    std::optional<CircuitBreaker::Ticket> proof;
    int opens = 0;
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds(random() % 2000);
      const auto before = breaker.state(now);
      if (breaker.allows(now) && random() % 2 == 0) {
        ASSERT_NE(before, State::Open);
        const auto ticket = breaker.begin(now);
        if (before == State::HalfOpen) {
          ASSERT_FALSE(breaker.allows(now));
        }
        open.push_back(ticket);
      } else if (!open.empty()) {
        const auto pick = static_cast<std::ptrdiff_t>(random() % open.size());
        const auto ticket = open[static_cast<std::size_t>(pick)];
        open.erase(open.begin() + pick);
        if (random() % 4 == 0) {
          breaker.succeeded(ticket);
        } else if (random() % 2 == 0) {
          breaker.failed(ticket, errorOf(ErrorCategory::WorkerLost), now);
        } else if (breaker.failed(ticket, errorOf(ErrorCategory::Internal), now)) {
          ASSERT_FALSE(proof) << "two proofs at once";
          proof = ticket;
        }
      }
      if (proof && random() % 8 == 0) {
        const auto ticket = *std::exchange(proof, std::nullopt);
        switch (random() % 3) {
          case 0:
            breaker.proofSucceeded(ticket);
            break;
          case 1:
            breaker.proofFailed(ticket, errorOf(ErrorCategory::Internal), now);
            break;
          default:
            breaker.proofWithdrawn(ticket);
        }
      }
      if (breaker.state(now) == State::Open) proof.reset();  // of a spell that is over
      opens += before != State::Open && breaker.state(now) == State::Open;
      ASSERT_EQ(breaker.state(now) == State::Closed, !breaker.cause().has_value());
    }
    ASSERT_GT(opens, 0) << seed;
  }
}

}  // namespace
}  // namespace webpool::sched

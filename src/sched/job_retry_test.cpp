#include "sched/job_retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace webpool::sched {
namespace {

using ::testing::HasSubstr;

Error errorOf(ErrorCategory category, std::string message = "the browser ended") {
  return {category, std::move(message), "a hint"};
}

std::vector<ConnectionId> excludedBy(const std::optional<RetryDecision>& decision) {
  EXPECT_TRUE(decision);
  const auto* retry = decision ? std::get_if<Retry>(&*decision) : nullptr;
  EXPECT_NE(retry, nullptr);
  return retry ? retry->excluding : std::vector<ConnectionId>{};
}

Error givenUp(const std::optional<RetryDecision>& decision) {
  EXPECT_TRUE(decision);
  const auto* end = decision ? std::get_if<GiveUp>(&*decision) : nullptr;
  EXPECT_NE(end, nullptr);
  return end ? end->error : Error{};
}

void place(JobRetry& retry, JobId job, ConnectionId connection) {
  retry.admitted(job);
  EXPECT_TRUE(retry.placed(job, connection));
}

TEST(JobRetry, AnAnswerIsTheOneReply) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_EQ(retry.open(), 1u);
  EXPECT_TRUE(retry.answered(1, 10));
  EXPECT_FALSE(retry.answered(1, 10));
  EXPECT_EQ(retry.failed(1, 10, errorOf(ErrorCategory::WorkerLost)), std::nullopt);
  EXPECT_EQ(retry.counters().lateReplies, 2u);
  EXPECT_EQ(retry.open(), 0u);
}

TEST(JobRetry, GoesToAnotherAfterOneDeath) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_EQ(excludedBy(retry.failed(1, 10, errorOf(ErrorCategory::WorkerLost))),
            (std::vector<ConnectionId>{10}));
  EXPECT_EQ(retry.counters().retries, 1u);
  place(retry, 1, 11);
  EXPECT_TRUE(retry.answered(1, 11));
}

TEST(JobRetry, KillsNoThird) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_TRUE(retry.failed(1, 10, errorOf(ErrorCategory::WorkerLost, "ended by signal 11")));
  place(retry, 1, 11);
  const auto error =
      givenUp(retry.failed(1, 11, errorOf(ErrorCategory::WorkerLost, "no sign of life")));
  EXPECT_EQ(error.category, ErrorCategory::WorkerLost);
  EXPECT_THAT(error.message, HasSubstr("connection 10: ended by signal 11"));
  EXPECT_THAT(error.message, HasSubstr("connection 11: no sign of life"));
  EXPECT_FALSE(error.hint.empty());
  EXPECT_EQ(retry.open(), 0u);
  EXPECT_EQ(retry.failed(1, 11, errorOf(ErrorCategory::WorkerLost)), std::nullopt);
}

TEST(JobRetry, ItsOwnErrorsAreNotTriedAgain) {
  for (const auto category :
       {ErrorCategory::InvalidInput, ErrorCategory::InvalidArgument, ErrorCategory::InvalidModel,
        ErrorCategory::WrongResult, ErrorCategory::Unsupported, ErrorCategory::Cancelled,
        ErrorCategory::Timeout, ErrorCategory::Internal, ErrorCategory::NotFound}) {
    JobRetry retry;
    place(retry, 1, 10);
    const auto error = givenUp(retry.failed(1, 10, errorOf(category, "its own words")));
    EXPECT_EQ(error.category, category) << categoryName(category);
    EXPECT_EQ(error.message, "its own words");
    EXPECT_EQ(error.hint, "a hint");
    EXPECT_EQ(retry.open(), 0u);
  }
}

TEST(JobRetry, AnErrorOfItsOwnAfterADeathIsToldAsItIs) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_TRUE(retry.failed(1, 10, errorOf(ErrorCategory::WorkerLost)));
  place(retry, 1, 11);
  EXPECT_EQ(givenUp(retry.failed(1, 11, errorOf(ErrorCategory::InvalidInput))).category,
            ErrorCategory::InvalidInput);
}

TEST(JobRetry, OutOfMemoryTwiceStaysOutOfMemory) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_EQ(excludedBy(retry.failed(1, 10, errorOf(ErrorCategory::OutOfMemory))).size(), 1u);
  place(retry, 1, 11);
  EXPECT_EQ(givenUp(retry.failed(1, 11, errorOf(ErrorCategory::OutOfMemory))).category,
            ErrorCategory::OutOfMemory);
  place(retry, 2, 10);
  EXPECT_TRUE(retry.failed(2, 10, errorOf(ErrorCategory::OutOfMemory)));
  place(retry, 2, 11);
  EXPECT_EQ(givenUp(retry.failed(2, 11, errorOf(ErrorCategory::WorkerLost))).category,
            ErrorCategory::WorkerLost);
}

TEST(JobRetry, AHandedBackJobIsNobodysFaultButDoesNotGoRoundForEver) {
  JobRetry retry({.maxFailures = 2, .maxAttempts = 4});
  for (int attempt = 1; attempt < 4; ++attempt) {
    place(retry, 1, 10);
    EXPECT_TRUE(excludedBy(retry.handedBack(1, 10)).empty());
  }
  place(retry, 1, 10);
  const auto error = givenUp(retry.handedBack(1, 10));
  EXPECT_EQ(error.category, ErrorCategory::WorkerLost);
  EXPECT_THAT(error.message, HasSubstr("4 times"));
}

TEST(JobRetry, WhatComesFromAPlaceItHasLeftIsLate) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_TRUE(retry.failed(1, 10, errorOf(ErrorCategory::WorkerLost)));
  EXPECT_FALSE(retry.answered(1, 10));  // between two placements
  place(retry, 1, 11);
  EXPECT_FALSE(retry.answered(1, 10));
  EXPECT_EQ(retry.failed(1, 10, errorOf(ErrorCategory::WorkerLost)), std::nullopt);
  EXPECT_EQ(retry.handedBack(1, 10), std::nullopt);
  EXPECT_EQ(retry.counters().lateReplies, 4u);
  EXPECT_TRUE(retry.answered(1, 11));
}

TEST(JobRetry, AWithdrawnJobGetsNoOtherReplyAndIsNotSentAgain) {
  JobRetry retry;
  place(retry, 1, 10);
  EXPECT_TRUE(retry.handedBack(1, 10));
  EXPECT_TRUE(retry.withdrawn(1));
  EXPECT_FALSE(retry.placed(1, 11));
  place(retry, 1, 10);
  EXPECT_FALSE(retry.placed(1, 11));  // it is at one place at a time
  EXPECT_TRUE(retry.withdrawn(1));
  EXPECT_FALSE(retry.withdrawn(1));
  EXPECT_FALSE(retry.answered(1, 10));
  EXPECT_EQ(retry.counters().lateReplies, 1u);
}

TEST(JobRetry, ExactlyOneReplyWhateverComesInWhateverOrder) {
  std::uint64_t late = 0, retries = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    JobRetry retry;
    constexpr JobId kJobs = 20;
    std::vector<int> replies(kJobs), deaths(kJobs);
    std::vector<bool> waiting(kJobs);
    for (JobId job = 0; job < kJobs; ++job) place(retry, job, random() % 4);
    for (int step = 0; step < 600; ++step) {
      const JobId job = random() % kJobs;
      const ConnectionId connection = random() % 4;
      std::optional<RetryDecision> decision;
      switch (random() % 5) {
        case 0:
          replies[job] += retry.answered(job, connection);
          continue;
        case 1:
          decision = retry.failed(job, connection, errorOf(ErrorCategory::WorkerLost));
          deaths[job] += decision.has_value();
          break;
        case 2:
          decision = retry.handedBack(job, connection);
          break;
        case 3:
          if (random() % 20 == 0 && retry.withdrawn(job)) {
            ++replies[job];
            waiting[job] = false;
          }
          continue;
        default:
          ASSERT_EQ(retry.placed(job, connection), waiting[job]);
          waiting[job] = false;
          continue;
      }
      if (!decision) continue;
      ASSERT_LE(deaths[job], 2);
      if (std::holds_alternative<Retry>(*decision)) {
        waiting[job] = true;
      } else {
        ++replies[job];
      }
    }
    for (JobId job = 0; job < kJobs; ++job) replies[job] += retry.withdrawn(job);
    for (JobId job = 0; job < kJobs; ++job) ASSERT_EQ(replies[job], 1) << "seed " << seed;
    late += retry.counters().lateReplies;
    retries += retry.counters().retries;
  }
  EXPECT_GT(late, 1000u);
  EXPECT_GT(retries, 1000u);
}

}  // namespace
}  // namespace webpool::sched

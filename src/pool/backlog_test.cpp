#include "pool/backlog.h"

#include <gtest/gtest.h>

namespace webpool::pool {
namespace {

using std::chrono::milliseconds;

constexpr base::TimePoint at(int ms) {
  return base::TimePoint(milliseconds(ms));
}

TEST(BacklogTest, RunsGoOneAfterTheOther) {
  Backlog backlog;
  EXPECT_EQ(backlog.remaining(at(0)), milliseconds(0));
  const auto first = backlog.add(milliseconds(100), at(0));
  backlog.add(milliseconds(50), at(10));
  EXPECT_EQ(backlog.remaining(at(10)), milliseconds(140));
  backlog.remove(first, at(90));
  EXPECT_EQ(backlog.remaining(at(100)), milliseconds(40)) << "the second began when it ended";
}

TEST(BacklogTest, OneThatIsLateCountsAsNearlyDone) {
  Backlog backlog;
  backlog.add(milliseconds(10), at(0));
  backlog.add(milliseconds(50), at(0));
  EXPECT_EQ(backlog.remaining(at(500)), milliseconds(50));
}

TEST(BacklogTest, CountsTheTimeInWhichItWorked) {
  Backlog backlog;
  const auto first = backlog.add(milliseconds(10), at(100));
  const auto second = backlog.add(milliseconds(10), at(105));
  backlog.remove(first, at(120));
  backlog.remove(second, at(130));
  EXPECT_EQ(backlog.worked(at(500)), milliseconds(30));
  EXPECT_EQ(backlog.usedAt(), at(130));
  backlog.add(milliseconds(10), at(600));
  EXPECT_EQ(backlog.worked(at(640)), milliseconds(70));
}

TEST(BacklogTest, WhatIsUnknownChangesNothing) {
  Backlog backlog;
  const auto id = backlog.add(milliseconds(10), at(0));
  backlog.remove(id + 5, at(3));
  EXPECT_EQ(backlog.size(), 1U);
  backlog.remove(id, at(4));
  backlog.remove(id, at(9));
  EXPECT_EQ(backlog.worked(at(9)), milliseconds(4));
}

}  // namespace
}  // namespace webpool::pool

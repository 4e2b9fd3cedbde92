#include "fetch/striped_fetch.h"

#include <gmock/gmock.h>

namespace webpool::fetch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::uint64_t kLeaf = 1u << 20;

class StripedFetchTest : public testing::Test {
 protected:
  SourceId add(const std::string& name, unsigned rank = 0) {
    return fetch_.addSource({.name = name, .host = name, .rank = rank});
  }

  void addPieces(unsigned count) {
    for (unsigned i = 0; i < count; ++i) fetch_.addPiece(i, kLeaf);
  }

  /// What it asks for now.
  std::vector<Ask> poll() {
    std::vector<Ask> asks;
    givenUp_.clear();
    for (const auto& action : fetch_.poll(now_)) {
      if (const auto* ask = std::get_if<Ask>(&action)) asks.push_back(*ask);
      if (const auto* over = std::get_if<GiveUp>(&action)) givenUp_.push_back(over->request);
    }
    return asks;
  }

  /// Until it asks again.
  std::vector<Ask> pollLater() {
    for (int i = 0; i < 100; ++i) {
      const auto wake = fetch_.wakeAt(now_);
      if (!wake) return {};
      now_ = *wake;
      if (auto asks = poll(); !asks.empty()) return asks;
    }
    return {};
  }

  void arrive(const Ask& ask, Duration after = milliseconds(10)) {
    now_ += after;
    fetch_.progressed(ask.request, 0, now_);
    fetch_.arrived(ask.request, kLeaf, now_ += after);
  }

  static Error error(const std::string& text, ErrorCategory category = ErrorCategory::Fetch) {
    return {category, text, {}};
  }

  HostScores scores_;
  StripedFetch fetch_{scores_};
  TimePoint now_{seconds(100)};
  std::vector<RequestId> givenUp_;
};

TEST_F(StripedFetchTest, AsksEachSourceForOtherPieces) {
  add("a");
  add("b");
  addPieces(4);
  const auto asks = poll();
  ASSERT_EQ(asks.size(), 4u);
  std::set<PieceId> pieces;
  std::map<SourceId, int> counts;
  for (const auto& ask : asks) {
    pieces.insert(ask.piece);
    ++counts[ask.source];
  }
  EXPECT_EQ(pieces.size(), 4u);
  EXPECT_EQ(counts[0], 2);
  EXPECT_EQ(counts[1], 2);
  for (const auto& ask : asks) arrive(ask);
  EXPECT_TRUE(fetch_.isDone());
  EXPECT_FALSE(fetch_.failure());
  EXPECT_EQ(fetch_.reports()[0].bytes, 2 * kLeaf);
  EXPECT_EQ(fetch_.reports()[1].pieces, 2u);
}

TEST_F(StripedFetchTest, APieceIsAskedForOnce) {
  add("a");
  addPieces(1);
  const auto asks = poll();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_TRUE(poll().empty());
  fetch_.addPiece(0, kLeaf);
  EXPECT_TRUE(poll().empty());
  arrive(asks[0]);
  fetch_.addPiece(0, kLeaf);
  EXPECT_TRUE(poll().empty());
  EXPECT_TRUE(fetch_.isDone());
}

TEST_F(StripedFetchTest, AQuickSourceGetsMoreAtATime) {
  add("quick");
  for (int i = 0; i < 20; ++i) scores_.moved("quick", 50'000'000, milliseconds(500), now_);
  addPieces(100);
  EXPECT_GE(poll().size(), 8u);
}

TEST_F(StripedFetchTest, ThereIsABoundToWhatIsUnderWay) {
  StripedFetch fetch(scores_, {.mostRequests = 5});
  for (const auto* name : {"a", "b", "c", "d"}) {
    scores_.moved(name, 1'000'000'000, seconds(1), now_);
    fetch.addSource({.name = name, .host = name});
  }
  for (unsigned i = 0; i < 50; ++i) fetch.addPiece(i, kLeaf);
  EXPECT_EQ(fetch.poll(now_).size(), 5u);
  StripedFetch single(scores_);
  single.addSource({.name = "a", .host = "a", .mostRequests = 3});
  for (unsigned i = 0; i < 50; ++i) single.addPiece(i, kLeaf);
  EXPECT_EQ(single.poll(now_).size(), 3u);
}

TEST_F(StripedFetchTest, ALiarIsDroppedAndNamed) {
  const auto liar = add("liar");
  const auto honest = add("honest");
  addPieces(6);
  auto asks = poll();
  const auto first = std::ranges::find(asks, liar, &Ask::source);
  ASSERT_NE(first, asks.end());
  fetch_.lied(first->request, error("bytes of another block", ErrorCategory::Integrity), now_);
  const auto next = poll();
  EXPECT_FALSE(givenUp_.empty()) << "its other requests are given up";
  for (const auto& ask : next) asks.push_back(ask);
  for (int i = 0; i < 100 && !fetch_.isDone(); ++i) {
    std::vector<Ask> todo;
    for (const auto& ask : asks) {
      if (ask.source == honest) todo.push_back(ask);
    }
    for (const auto& ask : todo) arrive(ask);
    asks = poll();
    for (const auto& ask : asks) EXPECT_EQ(ask.source, honest);
  }
  EXPECT_TRUE(fetch_.isDone());
  EXPECT_TRUE(fetch_.reports()[liar].lied);
  EXPECT_TRUE(fetch_.reports()[liar].dropped);
  EXPECT_EQ(fetch_.reports()[liar].bytes, 0u);
  EXPECT_FALSE(fetch_.reports()[honest].lied);
}

TEST_F(StripedFetchTest, WhenAllThatComesIsWrongItIsIntegrityAndSaysWhoSentIt) {
  add("one");
  add("two");
  addPieces(1);
  while (!fetch_.failure()) {
    auto asks = poll();
    if (asks.empty()) asks = pollLater();
    if (asks.empty()) break;
    for (const auto& ask : asks) {
      fetch_.lied(ask.request, error("wrong bytes", ErrorCategory::Integrity), now_);
    }
  }
  ASSERT_TRUE(fetch_.failure());
  EXPECT_EQ(fetch_.failure()->category, ErrorCategory::Integrity);
  EXPECT_EQ(fetch_.failure()->message, "one: wrong bytes; two: wrong bytes");
  EXPECT_EQ(fetch_.failedPiece(), 0u);
}

TEST_F(StripedFetchTest, WhatOneHasNotGotAnotherIsAskedFor) {
  add("a");
  add("b");
  addPieces(1);
  auto asks = poll();
  ASSERT_EQ(asks.size(), 1u);
  const auto first = asks[0].source;
  fetch_.missing(asks[0].request, error("HTTP 404", ErrorCategory::NotFound), now_);
  asks = poll();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_NE(asks[0].source, first);
  fetch_.missing(asks[0].request, error("HTTP 404", ErrorCategory::NotFound), now_);
  EXPECT_TRUE(poll().empty());
  ASSERT_TRUE(fetch_.failure());
  EXPECT_EQ(fetch_.failure()->category, ErrorCategory::NotFound);
}

TEST_F(StripedFetchTest, ASourceThatHasNothingIsAskedLittleAndThenNoMore) {
  add("empty");
  addPieces(100);
  unsigned asked = 0;
  for (auto asks = poll(); !asks.empty(); asks = poll()) {
    asked += unsigned(asks.size());
    for (const auto& ask : asks) {
      fetch_.missing(ask.request, error("HTTP 404", ErrorCategory::NotFound), now_);
    }
  }
  EXPECT_LE(asked, 20u);
  EXPECT_TRUE(fetch_.failure());
}

TEST_F(StripedFetchTest, AFailureIsTriedAgainAfterAWhile) {
  add("a");
  addPieces(1);
  auto asks = poll();
  auto waited = Duration::zero();
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(asks.size(), 1u) << i;
    fetch_.failed(asks[0].request, error("hung up"), std::nullopt, now_ += milliseconds(1));
    EXPECT_TRUE(poll().empty());
    EXPECT_FALSE(fetch_.failure());
    const auto before = now_;
    asks = pollLater();
    EXPECT_GT(now_ - before, waited);
    waited = now_ - before;
  }
  ASSERT_EQ(asks.size(), 1u);
  fetch_.failed(asks[0].request, error("hung up"), std::nullopt, now_ += milliseconds(1));
  EXPECT_TRUE(poll().empty());
  ASSERT_TRUE(fetch_.failure());
  EXPECT_EQ(fetch_.failure()->category, ErrorCategory::Fetch);
  EXPECT_EQ(fetch_.failure()->message, "a: hung up");
}

TEST_F(StripedFetchTest, ASourceIsLeftAloneAsLongAsItAsks) {
  add("a");
  addPieces(1);
  const auto asks = poll();
  fetch_.failed(asks.at(0).request, error("HTTP 429"), seconds(7), now_);
  const auto before = now_;
  EXPECT_EQ(pollLater().size(), 1u);
  EXPECT_EQ(now_ - before, seconds(7));
}

TEST_F(StripedFetchTest, ASourceThatAsksForTooLongIsGivenUp) {
  add("a");
  addPieces(1);
  fetch_.failed(poll().at(0).request, error("HTTP 429"), std::chrono::hours(1), now_);
  EXPECT_TRUE(poll().empty());
  ASSERT_TRUE(fetch_.failure());
  EXPECT_THAT(fetch_.failure()->message, HasSubstr("HTTP 429"));
}

TEST_F(StripedFetchTest, RequestsThatFailTogetherCountOnce) {
  add("a");
  for (int i = 0; i < 20; ++i) scores_.moved("a", 50'000'000, milliseconds(500), now_);
  addPieces(20);
  const auto asks = poll();
  ASSERT_GE(asks.size(), 8u);
  now_ += milliseconds(5);
  for (const auto& ask : asks) fetch_.failed(ask.request, error("reset"), std::nullopt, now_);
  EXPECT_TRUE(poll().empty());
  EXPECT_FALSE(fetch_.failure());
  EXPECT_FALSE(fetch_.reports()[0].dropped);
  EXPECT_FALSE(pollLater().empty());
}

TEST_F(StripedFetchTest, AHigherRankIsAskedForWhatNoLowerOneHas) {
  const auto far = add("far", 1);
  const auto near = add("near");
  addPieces(3);
  auto asks = poll();
  for (const auto& ask : asks) EXPECT_EQ(ask.source, near);
  ASSERT_FALSE(asks.empty());
  const auto lacked = asks[0].piece;
  fetch_.missing(asks[0].request, error("HTTP 412", ErrorCategory::NotFound), now_);
  asks = poll();
  const auto its = std::ranges::find(asks, far, &Ask::source);
  ASSERT_NE(its, asks.end());
  EXPECT_EQ(its->piece, lacked);
}

TEST_F(StripedFetchTest, AHigherRankIsAskedOnlyWhenTheLowerOneIsStuck) {
  const auto near = add("near");
  const auto far = add("far", 1);
  addPieces(1);
  const auto first = poll().at(0);
  EXPECT_EQ(first.source, near);
  for (std::uint64_t bytes = 0; bytes < 600'000; bytes += 10'000) {
    fetch_.progressed(first.request, bytes, now_ += seconds(1));
    EXPECT_TRUE(poll().empty()) << "it is slow, and has it";
  }
  const auto silent = now_;
  const auto asks = pollLater();
  ASSERT_EQ(asks.size(), 1u) << "it is not waited for for ever";
  EXPECT_EQ(asks[0].source, far);
  EXPECT_GE(now_ - silent, seconds(5));
}

TEST_F(StripedFetchTest, ALatePieceIsAskedForASecondTimeAndTheFirstAnswerCounts) {
  const auto stuck = add("stuck");
  const auto other = add("other");
  addPieces(1);
  auto asks = poll();
  ASSERT_EQ(asks.size(), 1u);
  const auto first = asks[0];
  asks = pollLater();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].piece, first.piece);
  EXPECT_NE(asks[0].source, first.source);
  EXPECT_LT(now_, TimePoint(seconds(102)));
  arrive(asks[0]);
  EXPECT_TRUE(poll().empty());
  EXPECT_EQ(givenUp_, std::vector<RequestId>{first.request});
  EXPECT_TRUE(fetch_.isDone());
  // Its answer comes all the same, and is not heard.
  fetch_.arrived(first.request, kLeaf, now_);
  fetch_.lied(first.request, error("late", ErrorCategory::Integrity), now_);
  fetch_.failed(first.request, error("late"), std::nullopt, now_);
  EXPECT_EQ(fetch_.reports()[first.source].bytes, 0u);
  EXPECT_FALSE(fetch_.reports()[first.source].lied);
  EXPECT_EQ(first.source + asks[0].source, stuck + other);
}

TEST_F(StripedFetchTest, APieceThatCreepsIsAskedForElsewhereBeforeItIsDue) {
  add("a");
  add("b");
  addPieces(1);
  const auto first = poll().at(0);
  fetch_.progressed(first.request, 0, now_ += milliseconds(50));
  fetch_.progressed(first.request, 100'000, now_ += milliseconds(400));
  const auto asks = poll();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_NE(asks[0].source, first.source);
}

TEST_F(StripedFetchTest, AQuickAnswerUnderWayIsNotAskedForTwice) {
  add("a");
  add("b");
  addPieces(1);
  const auto first = poll().at(0);
  fetch_.progressed(first.request, 0, now_ += milliseconds(5));
  fetch_.progressed(first.request, kLeaf / 2, now_ += milliseconds(5));
  EXPECT_TRUE(poll().empty());
}

TEST_F(StripedFetchTest, ASlowSourceDoesNotTakeTheLastPieces) {
  const auto quick = add("quick");
  add("slow");
  for (int i = 0; i < 20; ++i) {
    scores_.moved("quick", 20'000'000, seconds(1), now_);
    scores_.moved("slow", 20'000, seconds(1), now_);
  }
  addPieces(3);
  for (const auto& ask : poll()) EXPECT_EQ(ask.source, quick);
}

TEST_F(StripedFetchTest, NothingFailsWhileSourcesMayStillCome) {
  fetch_.setMoreSourcesMayCome(true);
  addPieces(1);
  EXPECT_TRUE(poll().empty());
  EXPECT_FALSE(fetch_.failure());
  add("found");
  EXPECT_EQ(poll().size(), 1u);
}

TEST_F(StripedFetchTest, WithoutSourcesItSaysSo) {
  addPieces(1);
  fetch_.setMoreSourcesMayCome(true);
  poll();
  fetch_.setMoreSourcesMayCome(false);
  poll();
  ASSERT_TRUE(fetch_.failure());
  EXPECT_EQ(fetch_.failure()->category, ErrorCategory::NotFound);
  EXPECT_EQ(fetch_.failure()->message, "no source is known");
}

TEST_F(StripedFetchTest, OfOneFailureNothingMoreIsAsked) {
  add("a");
  fetch_.setMoreSourcesMayCome(true);
  addPieces(4);
  const auto asks = poll();
  ASSERT_GE(asks.size(), 2u);
  fetch_.missing(asks[0].request, error("HTTP 404", ErrorCategory::NotFound), now_);
  EXPECT_FALSE(fetch_.failure());
  fetch_.setMoreSourcesMayCome(false);
  EXPECT_TRUE(poll().empty());
  EXPECT_EQ(fetch_.failedPiece(), asks[0].piece);
  EXPECT_EQ(fetch_.requests(), 0u);
  EXPECT_FALSE(fetch_.wakeAt(now_));
}

}  // namespace
}  // namespace webpool::fetch

#include "tasks/transcript_spans.h"

#include <gmock/gmock.h>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;

WhisperRules rules() {
  WhisperRules rules;
  rules.end = 100;
  rules.noTimestamps = 199;
  return rules;
}

/// The timestamp of so many seconds.
Token at(double seconds) {
  return 200 + static_cast<Token>(seconds * 50 + 0.5);
}

WindowTranscript spansOf(std::vector<Token> tokens, double length = 30) {
  return transcriptSpans(tokens, rules(), length);
}

TEST(TranscriptSpans, OneThatEndsBeforeTheWindowDoes) {
  const auto result = spansOf({at(0), 1, 2, at(4)});
  EXPECT_THAT(result.spans, ElementsAre(TokenSpan{0, 4, {1, 2}}));
  EXPECT_EQ(result.next, 30);
}

TEST(TranscriptSpans, OneThatTheWindowCutsOffIsLeftToTheNext) {
  const auto result = spansOf({at(0), 1, at(4), at(4), 2, at(9), at(9), 3});
  EXPECT_THAT(result.spans, ElementsAre(TokenSpan{0, 4, {1}}, TokenSpan{4, 9, {2}}));
  EXPECT_EQ(result.next, 9);
}

TEST(TranscriptSpans, ALoneLastTimestampEndsTheWindow) {
  const auto result = spansOf({at(1), 1, at(4), at(5), 2, at(9)});
  EXPECT_THAT(result.spans, ElementsAre(TokenSpan{1, 4, {1}}, TokenSpan{5, 9, {2}}));
  EXPECT_EQ(result.next, 30);
}

TEST(TranscriptSpans, WithoutAnEndItIsTheWindows) {
  EXPECT_THAT(spansOf({at(2), 1, 2}, 7).spans, ElementsAre(TokenSpan{2, 7, {1, 2}}));
  EXPECT_EQ(spansOf({at(2), 1, 2}, 7).next, 7);
  EXPECT_THAT(spansOf({1, 2}, 7).spans, ElementsAre(TokenSpan{0, 7, {1, 2}}));
}

TEST(TranscriptSpans, NoneBeyondTheSound) {
  const auto result = spansOf({at(0), 1, at(8)}, 5);
  EXPECT_THAT(result.spans, ElementsAre(TokenSpan{0, 5, {1}}));
}

TEST(TranscriptSpans, NothingSaidMovesOn) {
  EXPECT_THAT(spansOf({}).spans, testing::IsEmpty());
  EXPECT_EQ(spansOf({}).next, 30);
  EXPECT_EQ(spansOf({at(0), at(0)}).next, 30);
  EXPECT_GT(spansOf({at(0), at(0), 1, at(3)}, 3).next, 0);
}

}  // namespace
}  // namespace webpool::tasks

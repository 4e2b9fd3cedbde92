#include "tasks/ctc_text.h"

#include <gmock/gmock.h>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kAlphabet{"a", "b", "ü", " "};

/// Columns in which the character of that number has the probability.
ReadText read(const std::vector<std::pair<std::size_t, float>>& columns) {
  std::vector<float> values;
  for (const auto& [character, probability] : columns) {
    std::vector<float> column(kAlphabet.size() + 1, 0.01F);
    column[character] = probability;
    values.insert(values.end(), column.begin(), column.end());
  }
  return ctcText(values, kAlphabet);
}

TEST(CtcText, RepeatedCharactersAreOneUnlessABlankIsBetween) {
  EXPECT_EQ(read({{1, 0.9F}, {1, 0.9F}, {0, 0.9F}, {1, 0.9F}, {2, 0.9F}}).text, "aab");
  EXPECT_EQ(read({{3, 0.9F}, {4, 0.9F}, {1, 0.9F}}).text, "ü a");
}

TEST(CtcText, TheScoreIsThatOfTheCharacters) {
  EXPECT_NEAR(read({{0, 0.9F}, {1, 0.5F}, {1, 0.1F}, {2, 0.7F}}).score, 0.6, 1e-6);
  EXPECT_EQ(read({{0, 0.9F}}).score, 0);
  EXPECT_EQ(read({}).text, "");
}

TEST(CtcText, AnAlphabetHasABlankAtItsEnd) {
  EXPECT_THAT(readAlphabet("a\nb\r\n"), ElementsAre("a", "b", " "));
  EXPECT_THAT(readAlphabet("a\nü"), ElementsAre("a", "ü", " "));
}

}  // namespace
}  // namespace webpool::tasks

#include "pool/texts.h"

#include <gmock/gmock.h>

namespace webpool::pool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Inference saying(std::string details) {
  Inference answer;
  answer.details = std::move(details);
  return answer;
}

TEST(CheckTextInputs, TakesWhatIsUtf8) {
  const std::vector<std::string> texts{"", "grüße 🌍", std::string("\0 in it", 7)};
  EXPECT_TRUE(checkTextInputs(std::vector{textTensor(texts)}, true));
  EXPECT_TRUE(checkTextInputs(sampleTexts(), true));
}

TEST(CheckTextInputs, NamesTheElementThatIsNot) {
  for (const auto* broken : {"\xff\xfe", "cut \xe2\x82", "\xed\xa0\x80", "\xc0\xaf"}) {
    const std::vector<std::string> texts{"right", broken};
    for (const bool readsTexts : {true, false}) {
      const auto checked = checkTextInputs(std::vector{textTensor(texts)}, readsTexts);
      ASSERT_FALSE(checked);
      EXPECT_EQ(checked.error().category, ErrorCategory::InvalidInput);
      EXPECT_THAT(checked.error().message, testing::HasSubstr("element 2 of input 'text'"));
    }
  }
}

TEST(CheckTextInputs, ATaskThatReadsTextsNeedsOne) {
  const std::vector none{textTensor({})};
  const auto checked = checkTextInputs(none, true);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().category, ErrorCategory::InvalidInput);
  EXPECT_TRUE(checkTextInputs(none, false)) << "a graph may take an empty tensor";
}

TEST(CheckTextInputs, LooksAtNoOtherTensor) {
  const std::vector<float> numbers{-0.0F};
  const auto tensor = Tensor::of<float>("x", DataType::Fp32, {1}, numbers);
  EXPECT_TRUE(checkTextInputs(std::vector{tensor}, true));
}

TEST(TokenCounts, AreThoseOfTheDetails) {
  EXPECT_THAT(tokenCounts(saying(R"({"tokens": [3, 12]})")), ElementsAre(3U, 12U));
}

TEST(TokenCounts, NoneWhereThePageToldNoneOrNonsense) {
  for (const auto* details : {"", "{}", "[1]", R"({"tokens": 3})", R"({"tokens": [1, -1]})",
                              R"({"tokens": [1, "2"]})", R"({"tokens": [1.5]})"}) {
    EXPECT_THAT(tokenCounts(saying(details)), IsEmpty()) << details;
  }
}

TEST(CutTexts, AreThoseOfTheDetailsAndNoneWithoutAWord) {
  EXPECT_THAT(cutTexts(saying(R"({"tokens": [3, 512], "cut": [false, true]})")),
              ElementsAre(false, true));
  for (const auto* details : {"", "[1]", R"({"tokens": [3]})", R"({"cut": true})",
                              R"({"tokens": [3, 4], "cut": [false, false]})"}) {
    EXPECT_THAT(cutTexts(saying(details)), IsEmpty()) << details;
  }
}

TEST(EmbeddingsOf, TellsWhichTextsWereCut) {
  auto answer = saying(R"({"tokens": [3, 512], "cut": [false, true]})");
  const std::vector<float> rows{1, 0};
  answer.outputs = {Tensor::of<float>("embedding", DataType::Fp32, {2, 1}, rows)};
  const auto embeddings = embeddingsOf(answer, 2);
  ASSERT_TRUE(embeddings);
  EXPECT_THAT(embeddings->tokens, ElementsAre(3U, 512U));
  EXPECT_THAT(embeddings->truncated, ElementsAre(false, true));
}

}  // namespace
}  // namespace webpool::pool

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
  for (const auto* details : {"", "[1]", R"({"tokens": [3]})", R"({"cut": true})"}) {
    EXPECT_THAT(cutTexts(saying(details)), IsEmpty()) << details;
  }
}

}  // namespace
}  // namespace webpool::pool

#include "api/oip/parameters.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace webpool::api::oip {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

boost::json::object object(std::string_view text) {
  return boost::json::parse(text).as_object();
}

TEST(OipParameters, WhatIsReadIsTakenOut) {
  auto given = object(R"({"priority": 1, "timeout": 2500, "user": "ann", "sequence_id": 7,
      "sequence_start": true, "sequence_end": false, "normalize": true})");
  const auto schedule = takeSchedule(given);
  ASSERT_TRUE(schedule) << schedule.error().describe();
  EXPECT_EQ(schedule->priority, 1U);
  EXPECT_EQ(schedule->timeout, std::chrono::microseconds(2500));
  EXPECT_EQ(schedule->user, "ann");
  EXPECT_EQ(given, object(R"({"normalize": true})"));
  RunOptions options;
  schedule->applyTo(options);
  EXPECT_EQ(options.timeout, std::chrono::milliseconds(3));
  EXPECT_EQ(options.priority, 1U);
}

TEST(OipParameters, WhatIsNoneOfItsKindIsRefusedByName) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"timeout", "-1"},
                                                        {"timeout", R"("soon")"},
                                                        {"timeout", "1.5"},
                                                        {"priority", R"("high")"},
                                                        {"priority", "999999"},
                                                        {"priority", "-1"},
                                                        {"priority", "18446744073709551615"},
                                                        {"user", "7"}}) {
    auto given = object("{\"" + name + "\": " + value + "}");
    const auto schedule = takeSchedule(given);
    ASSERT_FALSE(schedule) << name << " " << value;
    EXPECT_EQ(schedule.error().category, ErrorCategory::InvalidInput);
    EXPECT_THAT(schedule.error().message, StartsWith("parameters." + name + ": "));
  }
}

TEST(OipParameters, EachTaskHasItsOwn) {
  EXPECT_TRUE(checkTaskParameters("text-embedding", object(R"({"normalize": false})")));
  EXPECT_TRUE(checkTaskParameters("text-generation", object(R"({"max_tokens": 3, "seed": 1})")));
  EXPECT_TRUE(checkTaskParameters("tensors", object(R"({"repeat": 3})")));
  const auto refused = checkTaskParameters("text-embedding", object(R"({"max_tokens": 3})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidInput);
  EXPECT_THAT(refused.error().message, StartsWith("parameters.max_tokens: "));
}

}  // namespace
}  // namespace webpool::api::oip

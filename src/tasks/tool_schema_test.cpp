#include "tasks/tool_schema.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace webpool::tasks {
namespace {

using testing::HasSubstr;

Result<boost::json::object> check(const std::string& schema) {
  return toolSchema("f", boost::json::parse(schema).as_object());
}

TEST(ToolSchema, TakesWhatASchemaMayBe) {
  for (const auto* schema : {
           R"({})",
           R"({"type": "object"})",
           R"({"type": "object", "properties": {"city": {"type": "string", "title": "x"},
               "days": {"type": ["integer", "null"], "minimum": 1, "default": 3},
               "unit": {"enum": ["C", "F"]}, "any": {}}, "required": ["city"],
               "additionalProperties": false, "$schema": "http://json-schema.org/schema"})",
           R"({"properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A/anyOf/1"}},
               "$defs": {"A": {"anyOf": [{"type": "null"}, {"const": 1}]}}})",
           R"({"properties": {"l": {"type": "array", "items": {"type": "number"}, "minItems": 1,
               "maxItems": 1}, "t": {"type": "string", "pattern": "^a+$", "maxLength": 3},
               "o": {"additionalProperties": {"type": "string"}},
               "p": {"prefixItems": [{"type": "string"}]}, "q": {"items": [{}]}}})",
           R"({"allOf": [{"$ref": "#/$defs/A"}, {"required": ["b"]}],
               "$defs": {"A": {"properties": {"b": {"allOf": [{"enum": [1]}, {"anyOf": [
               {"enum": [1, 2]}]}]}}}}})",
           R"({"properties": {"a": {"type": "integer", "allOf": [{"minimum": 3}]}}})",
           // A property may have any name.
           R"({"properties": {"type": {"type": "string"}, "items": {"type": "string"}}})",
       }) {
    const auto right = check(schema);
    EXPECT_TRUE(right) << schema << ": " << right.error().describe();
  }
}

TEST(ToolSchema, NamesTheToolTheKeyAndWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {R"({"type": "string"})", R"(parameters.type is "string")"},
      {R"({"properties": {"a": {"type": "zzz"}}})", R"(parameters.properties.a.type is "zzz")"},
      {R"({"properties": {"a": {"type": []}}})", "parameters.properties.a.type is []"},
      {R"({"properties": {"a": {"type": 5}}})", "parameters.properties.a.type is 5"},
      {R"({"properties": {"a": {"$ref": "#/$defs/B"}}, "$defs": {"A": {}}})",
       R"(parameters.properties.a.$ref is "#/$defs/B", and there is nothing)"},
      {R"({"properties": {"a": {"$ref": "http://x/y"}}})", "a.$ref is \"http"},
      {R"({"properties": {"a": {"$ref": 1}}})", "a.$ref is 1"},
      {R"({"properties": {"a": {"$ref": "#/$defs/A/anyOf/9"}}, "$defs": {"A": {"anyOf": [{}]}}})",
       "there is nothing"},
      {R"({"properties": []})", "parameters.properties is [], and no object"},
      {R"({"properties": {"a": "string"}})", R"(properties.a is "string", and no schema)"},
      {R"({"properties": {"a": true}})", "properties.a is true, and no schema"},
      {R"({"required": "a"})", R"(required is "a", and no list of names)"},
      {R"({"required": [1]})", "required is [1]"},
      {R"({"properties": {"a": {"enum": []}}})", "a.enum is []"},
      {R"({"properties": {"a": {"items": 4}}})", "a.items is 4"},
      {R"({"properties": {"a": {"items": {"type": "zzz"}}}})", "a.items.type is \"zzz\""},
      {R"({"properties": {"a": {"anyOf": [{}, {"type": "zzz"}]}}})", "a.anyOf[1].type"},
      {R"({"properties": {"a": {"oneOf": []}}})", "a.oneOf is []"},
      {R"({"properties": {"a": {"pattern": "a+"}}})", "a.pattern is \"a+\""},
      {R"({"properties": {"a": {"format": 1}}})", "a.format is 1"},
      {R"({"properties": {"a": {"minItems": -1}}})", "a.minItems is -1"},
      {R"({"properties": {"a": {"maxLength": 1.5}}})", "a.maxLength is 1.5"},
      {R"({"properties": {"a": {"minLength": 4, "maxLength": 3}}})", "more than maxLength"},
      {R"({"properties": {"a": {"pattern": "^(a$"}}})", "a.pattern is"},
      {R"({"properties": {"a": {"pattern": "^a)[b$"}}})", "a.pattern is"},
      {R"({"properties": {"a": {"pattern": "^a(?=b)b$"}}})",
       R"(parameters.properties.a.pattern is "^a(?=b)b$": "(?=" looks ahead)"},
      {R"({"properties": {"a": {"pattern": 4}}})", "a.pattern is 4, and no text"},
      {R"({"items": {"anyOf": [{"pattern": "^\\b$"}]}})",
       R"(items.anyOf[0].pattern is "^\\b$": "\b")"},
      {R"({"properties": {"a": {"allOf": [{"type": "string"}, {"maxLength": 3}]}}})",
       "properties.a.allOf has neither properties nor an enum"},
      {R"({"properties": {"a": {"type": "string", "allOf": [{"enum": ["b"]}, {"maxLength": 3}]}}})",
       "properties.a.allOf has neither"},
      {R"({"properties": {"a": {"minimum": 9, "maximum": 5}}})", "minimum is more than maximum"},
      {R"({"properties": {"a": {"$ref": "#/$defs/A"}},
           "$defs": {"A": {"items": {"$ref": "#/$defs/A"}}}})",
       "references in its parameters lead back to themselves"},
      {R"({"properties": {"a": {"minimum": "1"}}})", "a.minimum is \"1\""},
      {R"({"$defs": {"A": {"type": "zzz"}}})", "$defs.A.type is \"zzz\""},
      {R"({"additionalProperties": 3})", "additionalProperties is 3"}};
  for (const auto& [schema, message] : wrong) {
    const auto done = check(schema);
    ASSERT_FALSE(done) << schema;
    EXPECT_EQ(done.error().category, ErrorCategory::InvalidInput);
    EXPECT_THAT(done.error().message, HasSubstr("the tool 'f'"));
    EXPECT_THAT(done.error().message, HasSubstr(message));
  }
}

TEST(ToolSchema, WhatReferencesLeadToIsPutInTheirPlace) {
  const auto expanded = check(
      R"({"properties": {"a": {"$ref": "#/$defs/A"}, "$ref": {"type": "null"}},
          "$defs": {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"const": {"$ref": "#/x"}}}})");
  ASSERT_TRUE(expanded) << expanded.error().describe();
  EXPECT_EQ(boost::json::value(*expanded),
            boost::json::parse(
                R"({"properties": {"a": {"items": {"const": {"$ref": "#/x"}}},
                    "$ref": {"type": "null"}}})"));
}

TEST(ToolSchema, PatternsAreWrittenForLlamaCpp) {
  const auto written = check(
      R"({"properties": {"pattern": {"pattern": "^\\d$", "examples": [{"pattern": "^\\d$"}]},
          "a": {"$ref": "#/$defs/A"}, "b": {"not": {"pattern": "^\\b"}}},
          "$defs": {"A": {"items": {"pattern": "^\"$"}}}})");
  ASSERT_TRUE(written) << written.error().describe();
  EXPECT_EQ(boost::json::value(*written), boost::json::parse(
                                              R"({"properties": {"pattern": {"pattern": "^[0-9]$",
                    "examples": [{"pattern": "^\\d$"}]},
                    "a": {"items": {"pattern": "^\\\\\"$"}},
                    "b": {"not": {"pattern": "^\\b"}}}})"));
}

TEST(ToolSchema, ReferencesThatMultiplyAreRefused) {
  std::string definitions = R"("A0": {"type": "string"})";
  for (int i = 1; i < 20; ++i) {
    const auto before = "{\"$ref\": \"#/$defs/A" + std::to_string(i - 1) + "\"}";
    definitions += ", \"A" + std::to_string(i) + "\": {\"prefixItems\": [" + before + ", " +
                   before + ", " + before + "]}";
  }
  const auto done =
      check(R"({"properties": {"a": {"$ref": "#/$defs/A19"}}, "$defs": {)" + definitions + "}}");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("grow without end"));
}

TEST(ToolSchema, AVeryLongValueIsShownInPart) {
  std::string value;
  for (int i = 0; i < 100; ++i) value += "ü";
  const auto done = check(R"({"properties": {"a": {"type": ")" + value + R"("}}})");
  ASSERT_FALSE(done);
  EXPECT_LT(done.error().message.size(), 130U);
  EXPECT_THAT(done.error().message, testing::EndsWith("ü…"));
}

}  // namespace
}  // namespace webpool::tasks

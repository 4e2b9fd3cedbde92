#include "tasks/tool_pattern.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace webpool::tasks {
namespace {

using testing::HasSubstr;

std::string rewritten(const std::string& pattern) {
  const auto done = toolPattern(pattern);
  return done ? *done : "refused: " + done.error().what;
}

TEST(ToolPattern, WritesWhatLlamaCppReadsRight) {
  const std::vector<std::pair<std::string, std::string>> patterns{
      {"^abc$", "^abc$"},
      {"^$", "^$"},
      {"^[a-c]{2}$", "^[a-c]{2}$"},
      {R"(^\d+$)", "^[0-9]+$"},
      {R"(^\w$)", "^[0-9A-Z_a-z]$"},
      {R"(^[\d\-_]?$)", R"(^[\x2D0-9_]?$)"},
      {"^.$", R"(^[ !#-\x5B\x5D-~\u0080-\u2027\u202A-\uD7FF\uE000-\U0010FFFF]$)"},
      {"^[^a]$", R"(^[ !#-\x5B\x5D-`b-~\u0080-\uD7FF\uE000-\U0010FFFF]$)"},
      {R"(^\D$)", R"(^[ !#-/:-\x5B\x5D-~\u0080-\uD7FF\uE000-\U0010FFFF]$)"},
      {R"(^[^\D]$)", "^[0-9]$"},
      {R"(^[\W\w]$)", R"(^[ !#-\x5B\x5D-~\u0080-\uD7FF\uE000-\U0010FFFF]$)"},
      // The text of the JSON string, not the string.
      {R"(^"?x"?$)", R"(^(\\")?x(\\")?$)"},
      {R"(^a\\b\/$)", R"(^a\\\\b/$)"},
      {R"(^\t\n\x01\u000b\cA\0$)", R"(^\\t\\n\\u0001\\u000B\\u0001\\u0000$)"},
      {R"(^["a\n]+$)", R"(^([a]|\\n|\\")+$)"},
      {R"(^[^"\\]$)", R"(^[ !#-\x5B\x5D-~\u0080-\uD7FF\uE000-\U0010FFFF]$)"},
      {R"(^[\S"]$)",
       "^([!#-\\x5B\\x5D-~\\u0080-\\u009F\\u00A1-\\u167F\\u1681-\\u1FFF\\u200B-\\u2027"
       "\\u202A-\\u202E\\u2030-\\u205E\\u2060-\\u2FFF\\u3001-\\uD7FF\\uE000-\\uFEFE"
       "\\uFF00-\\U0010FFFF]|\\\\\")$"},
      {R"(^[^ -\u{10FFFF}]$)",
       "^(\\\\u0000|\\\\u0001|\\\\u0002|\\\\u0003|\\\\u0004|\\\\u0005|\\\\u0006|\\\\u0007|\\\\b|"
       "\\\\t|\\\\n|\\\\u000B|\\\\f|\\\\r|\\\\u000E|\\\\u000F|\\\\u0010|\\\\u0011|\\\\u0012|"
       "\\\\u0013|\\\\u0014|\\\\u0015|\\\\u0016|\\\\u0017|\\\\u0018|\\\\u0019|\\\\u001A|\\\\u001B|"
       "\\\\u001C|\\\\u001D|\\\\u001E|\\\\u001F)$"},
      // A repetition binds to one byte, or to what has brackets.
      {R"(^ab+\.?é*$)", R"(^ab+(\.)?(é)*$)"},
      {R"(^\u0041\x42\uD83D\uDE00[\u{1F600}]$)", "^AB😀😀$"},
      {R"(^[\]^a\[-]$)", R"(^[\x2D\x5B\x5D\x5Ea]$)"},
      {R"(^[a-\d]$)", R"(^[\x2D0-9a]$)"},
      {R"(^[a-\W]$)", R"(^[ !#-/:-@\x5B\x5D\x5E`a{-~\u0080-\uD7FF\uE000-\U0010FFFF]$)"},
      {R"(^[\b]$)", R"(^\\b$)"},
      // Groups of any kind, and alternatives of the whole.
      {"^(?:ab|cd)+$", "^(ab|cd)+$"},
      {"^(?<year>a|)b$", "^(a|)b$"},
      {"^a|b$", "refused: \"^a|b$\" is not between ^ and $"},
      {"^a$|^b$", "^(a|b)$"},
      {"^((a))$", "^a$"},
      // Lazy or not is the same; llama.cpp takes no repetition of nothing.
      {"^a+?b*?c??d{2}?e{3,}?f{0,4}?$", "^a+b*c?d{2}e{3,}f{0,4}$"},
      {"^a{1}b{0}c{0,1}d{0,}e{1,}$", "^ac?d*e+$"},
      {"^(a*)*$", "^(a+)*$"},
      {"^(x{0,700}y{0,700})?$", "^x{0,700}y{0,700}$"},
      {"^(a?b?)+$", "^(ab?|b)*$"},
      {"^(|a){2}()*$", "^a{0,2}$"},
      {"^(a|b*){3,}$", "^(a|b+)*$"},
  };
  for (const auto& [pattern, expected] : patterns) {
    EXPECT_EQ(rewritten(pattern), expected) << pattern;
  }
}

/// std::wregex knows no \U, and here no text is beyond the first plane.
std::wregex asRegex(std::string pattern) {
  const std::string last = "\\U0010FFFF";
  for (auto at = pattern.find(last); at != std::string::npos; at = pattern.find(last)) {
    pattern.replace(at, last.size(), "\\uFFFF");
  }
  return std::wregex(std::wstring(pattern.begin(), pattern.end()));
}

std::vector<std::string> textsOf(std::string_view letters, std::size_t longest) {
  std::vector<std::string> texts{""};
  for (std::size_t begin = 0, length = 0; length < longest; ++length) {
    const auto end = texts.size();
    for (; begin < end; ++begin) {
      for (const char letter : letters) texts.push_back(texts[begin] + letter);
    }
  }
  return texts;
}

/// Each text whose JSON the written pattern takes matches the pattern; the others don't, unless
/// they have what only a class that leaves out takes.
TEST(ToolPattern, TakesTheSameTextsAsJson) {
  const auto texts = textsOf("ab1 \"\\\n.", 4);
  for (const std::string pattern :
       {R"(^.{2}$)", R"(^\d+$)", R"(^[^a]{3}$)", R"(^\w+ \w+\.?$)", R"(^(?:ab|1"|)+$)",
        R"(^"?a"?$)", R"(^\\+$)", R"(^[\n"a]*b$)", R"(^(a*b?)*1$)", R"(^((a|b?){2}1?){1,2}$)",
        R"(^\s\S\W$)", R"(^[\s.]+$)", R"(^a\\b|1$|^b.?$)", R"(^(a|ab)(1|b1)?$)"}) {
    const auto done = toolPattern(pattern);
    if (!done) {
      EXPECT_THAT(done.error().what, HasSubstr("is not between")) << pattern;
      continue;
    }
    const std::regex given(pattern);
    const auto made = asRegex(*done);
    const bool leavesOut = pattern.contains('.') || pattern.contains("[^") ||
                           pattern.contains("\\S") || pattern.contains("\\W");
    std::size_t taken = 0;
    for (const auto& text : texts) {
      const auto quoted = boost::json::serialize(boost::json::string(text));
      const std::wstring inner(quoted.begin() + 1, quoted.end() - 1);
      const bool isTaken = std::regex_match(inner, made);
      if (isTaken) ++taken;
      if (isTaken || !leavesOut || text.find_first_of("\"\\\n") == std::string::npos) {
        EXPECT_EQ(isTaken, std::regex_match(text, given))
            << pattern << ' ' << *done << ' ' << quoted;
      }
    }
    EXPECT_GT(taken, 0U) << pattern;
  }
}

TEST(ToolPattern, NamesThePartThatCantBeKept) {
  const std::vector<std::pair<std::string, std::string>> patterns{
      {"", "is not between ^ and $"},
      {"a", R"("a" is not between ^ and $)"},
      {"^a", "is not between"},
      {R"(^a\$)", "is not between"},
      {"^a$|b", R"("b" is not between)"},
      {"^a(?=b)b$", R"("(?=" looks ahead)"},
      {"^(?!b)b$", R"("(?!" looks ahead)"},
      {"^(?<=b)b$", R"("(?<=" looks behind)"},
      {"^(?<!b)b$", R"("(?<!" looks behind)"},
      {"^(?i:a)$", R"("(?i" begins no plain group)"},
      {"^(?P<n>a)$", R"("(?P" begins no plain group)"},
      {"^(?>a)$", "begins no plain group"},
      {"^(?<n)$", "has no name"},
      {"^(?", "begins no plain group"},
      {R"(^(a)\1$)", R"("\1" refers back)"},
      {R"(^(?<n>a)\k<n>$)", R"("\k" refers back to a group by name)"},
      {R"(^\ba$)", R"("\b" is a border of words)"},
      {R"(^\Ba$)", "is a border of words"},
      {R"(^\p{L}+$)", R"("\p" is a property of Unicode)"},
      {R"(^\A$)", R"("\A" is no escape)"},
      {R"(^a\Z$)", R"("\Z" is no escape)"},
      {"^a^b$", R"("^" is an anchor within)"},
      {"^a$b$", R"("$" is an anchor within)"},
      {"^(a$)$", R"("$" is an anchor within)"},
      {"^(a$", R"("$" is an anchor within)"},
      {"^(a", "\"(a\" has no )"},
      {"^a)b$", "\")\" closes no group"},
      {"^[a$", R"("[a$" has no ])"},
      {"^[]$", R"("[]" matches nothing)"},
      {"^[z-a]$", R"("z-a" is a range in no order)"},
      {"^*a$", R"("*" has nothing to repeat)"},
      {"^a**$", R"("*" has nothing to repeat)"},
      {"^(|+a)$", R"("+" has nothing to repeat)"},
      {"^{2}$", R"("{" has nothing to repeat)"},
      {"^a{x}$", R"("{" is no repetition)"},
      {"^a{1,x}$", "is no repetition"},
      {"^a{3,2}$", R"("a{3,2}" repeats in no order)"},
      {"^a{1001}$", R"("a{1001}" repeats too often)"},
      {"^a{0,99999999999999999999999}$", "repeats too often"},
      {"^a{1001,}$", "repeats too often"},
      {"^(a{0,900}b{0,900})*$", "too large"},
      {R"(^\u12$)", R"("\u" lacks hexadecimal digits)"},
      {R"(^\xg1$)", R"("\x" lacks hexadecimal digits)"},
      {R"(^\u{110000}$)", "is no character"},
      {R"(^\u{}$)", "lacks hexadecimal digits"},
      {R"(^\uD83D$)", R"("\uD83D" is half a character)"},
      {R"(^\uD83D\u0041$)", "is half a character"},
      {R"(^\c1$)", "is no control character"},
      {"^\\", "escapes nothing"},
      {"^[\\", "escapes nothing"},
      {"^[a-", "has no ]"},
      {"^\\c", "escapes nothing"},
  };
  for (const auto& [pattern, what] : patterns) {
    const auto done = toolPattern(pattern);
    ASSERT_FALSE(done) << pattern << ' ' << *done;
    EXPECT_THAT(done.error().what, HasSubstr(what)) << pattern;
    EXPECT_FALSE(done.error().hint.empty()) << pattern;
  }
}

TEST(ToolPattern, WhatWouldGrowWithoutEndIsRefusedAtOnce) {
  std::string groups = "a";
  for (int i = 0; i < 40; ++i) groups = "(" + groups + "?b?c?d?)*";
  EXPECT_THAT(rewritten("^(x?y?" + groups + ")*$"), HasSubstr("refused"));
  std::string mirrored = "a?";
  for (int i = 0; i < 40; ++i) mirrored = "(b?c?" + mirrored + "d?)*e?";
  EXPECT_THAT(rewritten("^" + mirrored + "$"), HasSubstr("refused"));
  const std::string deep(60, '(');
  EXPECT_THAT(rewritten("^" + deep + "a" + std::string(60, ')') + "$"), HasSubstr("too deep"));
}

}  // namespace
}  // namespace webpool::tasks

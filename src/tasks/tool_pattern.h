// A pattern of a tool's schema in the few forms that llama.cpp makes the right grammar of. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace webpool::tasks {

/// Which part of a pattern can't be kept, and what helps.
struct PatternFault {
  std::string what;
  std::string hint;
};

/// llama.cpp takes a pattern for the text between the quotes of a JSON string, and knows groups,
/// classes without \d and the like, and repetitions. So this one, of ECMA-262 (with Unicode, as
/// JSON Schema has it), is written anew: what it matches is escaped as JSON escapes it, and nothing
/// that is generated can end the string or break it. What is generated matches `pattern`; only `.`,
/// [^…], \D, \W and \S generate no control characters, quotes and backslashes although they match
/// them. `pattern` is UTF-8.
std::expected<std::string, PatternFault> toolPattern(std::string_view pattern);

}  // namespace webpool::tasks

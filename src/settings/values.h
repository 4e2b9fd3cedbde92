// Reading settings from a file's text and from an environment, and which of several values holds:
// flag over environment over file over default. Pure: texts go in.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/table.h"
#include "webpool/error.h"

namespace webpool::settings {

/// What was said of one setting; a Switch is "true" or "false", only a List has several.
struct Value {
  std::vector<std::string> texts;
  std::string origin;  ///< "default", "webpool.toml:3", "WEBPOOL_BROWSER", "--browser"

  bool operator==(const Value&) const = default;
};

using Values = std::map<std::string, Value, std::less<>>;

/// InvalidArgument names the file and the line: no TOML, an unknown key (with the nearest name), a
/// value of the wrong type.
Result<Values> parseFile(std::string_view text, const std::string& path);

/// `get` gives a variable of the environment, null where it is not set; an empty one counts as not
/// set.
Result<Values> fromEnvironment(const std::function<const char*(const std::string&)>& get);

/// Checks the text against the type. InvalidArgument says where it stands.
Result<void> check(const Setting& setting, const std::string& text, const std::string& origin);

/// Later ones win; every setting of the table is there, with no texts where nobody said anything
/// and it has no default.
Values merge(const std::vector<Values>& weakestFirst);

/// A webpool.toml with every setting, as a comment each.
std::string exampleFile();

/// What may be printed of it: "(secret)" for one that is given.
std::vector<std::string> shownTexts(const Setting& setting, const Value& value);

/// A line a setting: name, value, origin, in 80 columns.
std::string describe(const Values& values);

}  // namespace webpool::settings

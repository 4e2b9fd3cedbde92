// Every setting that webpool takes from a file, the environment and the command line, in one table:
// the same name in all three (memory_budget, WEBPOOL_MEMORY_BUDGET, --memory-budget). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace webpool::settings {

enum class Type {
  Text,
  List,     ///< texts; in the environment separated by commas
  Switch,   ///< true or false
  Integer,  ///< from `least` to `most`
  Number,   ///< as a decimal; from `least` to `most`
  Size,     ///< bytes: "4GB"
  Duration  ///< "24h"
};

struct Setting {
  std::string_view name;
  Type type = Type::Text;
  std::string_view standard;  ///< the default as a person reads it; empty: none
  std::string_view doc;
  std::string_view commands;  ///< that it is for, separated by spaces; empty: all
  double least = 0;
  double most = 0;
  std::string_view alias{};  ///< another variable of the environment, asked after its own
  bool secret = false;       ///< never printed, and no flag: every user sees the flags of a process

  std::string flag() const;      ///< "--memory-budget"
  std::string variable() const;  ///< "WEBPOOL_MEMORY_BUDGET"
  bool isFor(std::string_view command) const;
};

std::span<const Setting> table();

/// Null for a name that is none.
const Setting* find(std::string_view name);

/// The name in the table with the fewest changes from `name`; empty where none is near.
std::string_view nearest(std::string_view name);

/// "a text", "a whole number from 0 to 1000", …
std::string expected(const Setting& setting);

}  // namespace webpool::settings

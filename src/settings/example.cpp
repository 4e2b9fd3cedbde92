#include <fmt/format.h>

#include "settings/values.h"

namespace webpool::settings {
namespace {

std::string sample(const Setting& setting) {
  const auto standard = setting.standard;
  switch (setting.type) {
    case Type::Text:
      return fmt::format("\"{}\"", standard);
    case Type::List:
      return standard.empty() ? "[]" : fmt::format("[\"{}\"]", standard);
    case Type::Switch:
      return std::string(standard);
    case Type::Integer:
    case Type::Number:
      return standard.empty() ? "1" : std::string(standard);
    case Type::Size:
      return "\"4GB\"";
    case Type::Duration:
      return fmt::format("\"{}\"", standard);
  }
  return {};
}

}  // namespace

std::string exampleFile() {
  std::string text =
      "# webpool.toml: read from ./webpool.toml, else $XDG_CONFIG_HOME/webpool/webpool.toml, or\n"
      "# from --config FILE. A flag or a variable of the same name is stronger. Take away the '#'\n"
      "# before a setting to give it.\n";
  for (const auto& setting : table()) {
    const auto who = setting.commands.empty() ? "all commands" : std::string(setting.commands);
    const auto flag = setting.secret ? std::string() : setting.flag() + ", ";
    text += fmt::format("\n# {} ({}; {}{})\n#{} = {}\n", setting.doc, who, flag, setting.variable(),
                        setting.name, sample(setting));
  }
  return text;
}

}  // namespace webpool::settings

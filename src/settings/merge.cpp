#include <fmt/format.h>
#include <fmt/ranges.h>

#include "settings/values.h"

namespace webpool::settings {
namespace {

std::vector<std::string> listed(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const auto comma = text.find(',');
    if (const auto part = text.substr(0, comma); !part.empty()) parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

/// As a shell's user writes them.
std::string switchText(std::string_view text) {
  if (text == "1" || text == "yes" || text == "on") return "true";
  if (text == "0" || text == "no" || text == "off") return "false";
  return std::string(text);
}

}  // namespace

Result<Values> fromEnvironment(const std::function<const char*(const std::string&)>& get) {
  Values values;
  for (const auto& setting : table()) {
    auto name = setting.variable();
    const auto* text = get(name);
    if ((text == nullptr || *text == '\0') && !setting.alias.empty()) {
      name = setting.alias;
      text = get(name);
    }
    if (text == nullptr || *text == '\0') continue;
    Value value{{}, name};
    if (setting.type == Type::List) {
      value.texts = listed(text);
    } else {
      value.texts.push_back(setting.type == Type::Switch ? switchText(text) : text);
    }
    for (const auto& one : value.texts) {
      if (auto fits = check(setting, one, name); !fits) return std::unexpected(fits.error());
    }
    values[std::string(setting.name)] = std::move(value);
  }
  return values;
}

Values merge(const std::vector<Values>& weakestFirst) {
  Values merged;
  for (const auto& setting : table()) {
    Value value{{}, "default"};
    if (!setting.standard.empty()) value.texts.emplace_back(setting.standard);
    merged[std::string(setting.name)] = std::move(value);
  }
  for (const auto& values : weakestFirst) {
    for (const auto& [name, value] : values) merged[name] = value;
  }
  return merged;
}

std::vector<std::string> shownTexts(const Setting& setting, const Value& value) {
  if (!setting.secret || value.texts.empty()) return value.texts;
  return {"(secret)"};
}

std::string describe(const Values& values) {
  constexpr std::size_t kValueWidth = 26;
  std::string text;
  for (const auto& setting : table()) {
    const auto found = values.find(setting.name);
    if (found == values.end()) continue;
    auto shown = fmt::format("{}", fmt::join(shownTexts(setting, found->second), ", "));
    if (shown.empty()) shown = "-";
    // What is too long has a line of its own behind the name.
    const bool fits = shown.size() <= kValueWidth && found->second.origin.size() <= 28;
    text += fits ? fmt::format("{:<22} {:<26} {}\n", setting.name, shown, found->second.origin)
                 : fmt::format("{:<22} {}\n{:<22} from {}\n", setting.name, shown, "",
                               found->second.origin);
  }
  return text;
}

}  // namespace webpool::settings

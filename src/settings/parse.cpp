#include <fmt/format.h>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "settings/values.h"

namespace webpool::settings {
namespace {

std::unexpected<Error> wrongType(const Setting& setting, const std::string& origin,
                                 std::string_view said) {
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("{}: {} is {}, not {}", origin, setting.name, said, expected(setting)),
              "webpool config --example shows every setting with its form");
}

/// As the command line would be given it; nullopt for what this setting can't be.
std::optional<std::string> scalar(const toml::node& node, Type type) {
  if (const auto* text = node.as_string()) {
    if (type == Type::Switch || type == Type::Integer || type == Type::Number) return std::nullopt;
    return text->get();
  }
  if (const auto* flag = node.as_boolean()) {
    if (type == Type::Switch) return flag->get() ? "true" : "false";
  }
  if (const auto* number = node.as_integer()) {
    if (type == Type::Integer || type == Type::Number) return std::to_string(number->get());
  }
  if (const auto* number = node.as_floating_point()) {
    if (type == Type::Number) return fmt::format("{}", number->get());
  }
  return std::nullopt;
}

std::string_view kindOf(const toml::node& node) {
  if (node.is_string()) return "a text";
  if (node.is_integer()) return "a whole number";
  if (node.is_floating_point()) return "a number";
  if (node.is_boolean()) return "a switch";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

Result<std::vector<std::string>> textsOf(const toml::node& node, const Setting& setting,
                                         const std::string& origin) {
  std::vector<std::string> texts;
  if (const auto* list = node.as_array(); list != nullptr && setting.type == Type::List) {
    for (const auto& one : *list) {
      auto text = scalar(one, setting.type);
      if (!text) return wrongType(setting, origin, fmt::format("a list with {}", kindOf(one)));
      texts.push_back(std::move(*text));
    }
    return texts;
  }
  auto text = scalar(node, setting.type);
  if (!text) return wrongType(setting, origin, kindOf(node));
  texts.push_back(std::move(*text));
  return texts;
}

bool isNumber(std::string_view text, double least, double most, bool whole) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc{} && read.ptr == end && value >= least && value <= most &&
         (!whole || std::trunc(value) == value);
}

/// Digits with a unit behind them; what the units are, the option's own check knows.
bool hasUnit(std::string_view text) {
  const auto digits = text.find_first_not_of("0123456789. ");
  return !text.empty() && text[0] >= '0' && text[0] <= '9' && digits != std::string_view::npos;
}

}  // namespace

Result<void> check(const Setting& setting, const std::string& text, const std::string& origin) {
  const auto said = fmt::format("'{}'", text);
  switch (setting.type) {
    case Type::Text:
    case Type::List:
      return {};
    case Type::Switch:
      if (text == "true" || text == "false") return {};
      break;
    case Type::Integer:
    case Type::Number:
      if (isNumber(text, setting.least, setting.most, setting.type == Type::Integer)) return {};
      break;
    case Type::Size:
    case Type::Duration:
      if (hasUnit(text)) return {};
      break;
  }
  return wrongType(setting, origin, said);
}

Result<Values> parseFile(std::string_view text, const std::string& path) {
  const auto parsed = toml::parse(text, path);
  if (!parsed) {
    const auto& error = parsed.error();
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()),
                "webpool config --example prints a file to start from");
  }
  Values values;
  for (const auto& [key, node] : parsed.table()) {
    const auto origin = fmt::format("{}:{}", path, key.source().begin.line);
    const auto* setting = find(key.str());
    if (setting == nullptr) {
      const auto near = nearest(key.str());
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{}: there is no setting '{}'", origin, key.str()),
                  near.empty() ? "webpool config lists the settings"
                               : fmt::format("did you mean {}?", near));
    }
    auto texts = textsOf(node, *setting, origin);
    if (!texts) return std::unexpected(texts.error());
    for (const auto& one : *texts) {
      if (auto fits = check(*setting, one, origin); !fits) return std::unexpected(fits.error());
    }
    values[std::string(key.str())] = {std::move(*texts), origin};
  }
  return values;
}

}  // namespace webpool::settings

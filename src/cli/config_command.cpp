#include <CLI/CLI.hpp>

#include <boost/json.hpp>
#include <cstdio>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/settings_check.h"
#include "cli/settings_flags.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

struct ConfigFlags {
  bool example = false;
  bool json = false;
  std::map<std::string, std::vector<std::string>> given;  ///< as flags, by setting
};

int showSettings(const Context& context, const ConfigFlags& flags) {
  if (flags.example) {
    std::fputs(settings::exampleFile().c_str(), stdout);
    return 0;
  }
  auto said = givenSettings(context);
  if (!said) return reportError(said.error());
  settings::Values folders{{"data_dir", {{context.paths.data.native()}, "default"}},
                           {"cache_dir", {{context.paths.cache.native()}, "default"}}};
  settings::Values given;
  for (const auto& [name, texts] : flags.given) {
    if (texts.empty()) continue;
    const auto& setting = *settings::find(name);
    for (const auto& text : texts) {
      if (auto fits = settings::check(setting, text, setting.flag()); !fits) {
        return reportError(fits.error());
      }
    }
    given[name] = {texts, setting.flag()};
  }
  const auto values = settings::merge({folders, *said, given});
  if (auto fits = checkSettings(values); !fits) return reportError(fits.error());
  if (!flags.json) {
    std::fputs(settings::describe(values).c_str(), stdout);
    return 0;
  }
  json::object object;
  for (const auto& [name, value] : values) {
    json::value shown;
    const auto& setting = *settings::find(name);
    const auto texts = settings::shownTexts(setting, value);
    if (setting.type == settings::Type::List) {
      shown = json::value_from(texts);
    } else if (!texts.empty()) {
      shown = json::value_from(texts.front());
    }
    object[name] = {{"value", std::move(shown)}, {"from", value.origin}};
  }
  std::printf("%s\n", json::serialize(object).c_str());
  return 0;
}

}  // namespace

void addConfigCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<ConfigFlags>();
  auto* command = app.add_subcommand("config", "Show the settings, and where each comes from");
  command->add_flag("--example", flags->example, "Print a webpool.toml with every setting");
  command->add_flag("--json", flags->json, "Print one JSON object");
  for (const auto& setting : settings::table()) {
    if (setting.secret) continue;
    auto& texts = flags->given[std::string(setting.name)];
    const std::string doc(setting.doc);
    auto* option =
        setting.type == settings::Type::Switch
            ? command->add_flag_function(
                  setting.flag(),
                  [&texts](std::int64_t count) { texts = {count > 0 ? "true" : "false"}; }, doc)
            : command->add_option(setting.flag(), texts, doc);
    if (setting.type == settings::Type::List) {
      option->allow_extra_args(false);
    } else if (setting.type != settings::Type::Switch) {
      option->expected(1);
    }
  }
  command->footer(R"(
A flag is stronger than the environment, that than the file, that than the
default. Each setting has one name: memory_budget in the file,
WEBPOOL_MEMORY_BUDGET in the environment, --memory-budget as a flag.

Examples:
  webpool config
  webpool config --example > webpool.toml)");
  command->callback([flags, &context, &action] {
    action = [flags, &context] { return showSettings(context, *flags); };
  });
}

}  // namespace webpool::cli

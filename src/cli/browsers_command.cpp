#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "browsers/browser.h"
#include "browsers/machine.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace webpool::cli {
namespace {

int listBrowsers(const Context& context, const BrowserFlags& flags, bool asJson) {
  const auto environment = browsers::Environment::ofThisProcess();
  const auto options = flags.poolOptions(context, {});
  if (!options) return reportError(options.error());
  browsers::BrowserFinder finder(environment);
  for (const auto& [name, path] : options->browserPaths) {
    if (const auto given = finder.overridePath(name, path); !given) {
      return reportError(given.error());
    }
    if (const auto checked = finder.find(name); !checked) return reportError(checked.error());
  }
  const auto found = finder.findAll();
  const auto machine = browsers::inspectMachine(
      environment, found.empty() ? std::filesystem::path() : found[0].path);
  if (asJson) {
    boost::json::array list;
    for (const auto& browser : found) {
      list.push_back(boost::json::object{{"name", browser.name},
                                         {"engine", browser.engine},
                                         {"version", browser.version},
                                         {"path", browser.path.native()}});
    }
    std::printf("%s\n", boost::json::serialize(boost::json::object{{"browsers", std::move(list)},
                                                                   {"sandbox", machine.sandbox},
                                                                   {"gpu", machine.gpu}})
                            .c_str());
    return found.empty() ? exitCode(ErrorCategory::BrowserNotFound) : 0;
  }
  if (found.empty()) {
    const auto none = finder.find("auto");
    return none ? 0 : reportError(none.error());
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "ENGINE", "VERSION", "PATH"}};
  for (const auto& browser : found) {
    rows.push_back({browser.name, browser.engine, browser.version, browser.path.native()});
  }
  std::printf("%s", tableText(rows).c_str());
  if (!machine.sandbox && !context.quiet)
    std::fprintf(stderr, "note: %s\n", machine.notice.c_str());
  return 0;
}

}  // namespace

void addBrowsersCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<BrowserFlags>();
  auto asJson = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("browsers", "List the browsers that webpool can use");
  command->add_option("--browser-path", flags->browserPaths, "Check this executable, NAME=PATH")
      ->allow_extra_args(false);
  command->add_flag("--json", *asJson, "Print one JSON object");
  command->footer("\nExample:\n  webpool browsers --json");
  command->callback([flags, asJson, &context, &action] {
    action = [flags, asJson, &context] { return listBrowsers(context, *flags, *asJson); };
  });
}

}  // namespace webpool::cli

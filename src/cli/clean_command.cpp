#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "base/random.h"
#include "browsers/profile_store.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace webpool::cli {
namespace {

int clean(const Context& context) {
  if (auto known = base::checkFolder(context.paths.cache); !known) {
    return reportError(known.error());
  }
  browsers::ProfileStore profiles(context.paths.cache, base::systemRandom());
  const auto swept = profiles.sweep();
  const auto report = profiles.clean();
  std::printf("removed %u profile folder%s, %s freed\n",
              report.foldersRemoved + swept.foldersRemoved,
              report.foldersRemoved + swept.foldersRemoved == 1 ? "" : "s",
              bytesText(report.bytesFreed).c_str());
  if (swept.processesEnded > 0) {
    std::printf("ended %u process%s that a dead run left\n", swept.processesEnded,
                swept.processesEnded == 1 ? "" : "es");
  }
  std::error_code none;
  if (std::filesystem::remove(context.paths.cache / "refused.json", none)) {
    std::printf("forgot which models answer wrong in which browsers\n");
  }
  if (std::filesystem::remove(context.paths.cache / "run-times.json", none)) {
    std::printf("forgot how long runs take\n");
  }
  if (std::filesystem::remove(context.paths.cache / "agreed.json", none)) {
    std::printf("forgot on which models browsers agree\n");
  }
  for (const auto& folder : report.busy) std::printf("in use, kept: %s\n", folder.c_str());
  int code = 0;
  for (const auto* problems : {&swept.problems, &report.problems}) {
    for (const auto& problem : *problems) {
      code = reportError({ErrorCategory::Storage, problem, "check the folder's permissions"});
    }
  }
  return code;
}

}  // namespace

void addCleanCommand(CLI::App& app, Context& context, Action& action) {
  auto* command =
      app.add_subcommand("clean", "Remove the browser profiles that webpool keeps (models stay)");
  command->footer(
      "\nProfiles hold the browsers' own copies of models; the next start is slower once.\n"
      "Models are removed by `webpool models rm NAME`.");
  command->callback([&context, &action] { action = [&context] { return clean(context); }; });
}

}  // namespace webpool::cli

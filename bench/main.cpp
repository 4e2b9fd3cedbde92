// webpool_bench: what webpool's ways cost, as ratios to what is compared with in the same run.
#include <CLI/CLI.hpp>

#include <boost/json.hpp>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>

#include "bare_browser.h"
#include "figures.h"

namespace webpool::bench {
namespace {

using Measure = std::function<void(const Settings&, Report&)>;

/// In the order in which they are measured.
std::vector<std::pair<std::string, Measure>> figures() {
  return {{"tax", measurePoolTax},
          {"short", measureShortRun},
          {"batching", measureBatching},
          {"concurrent", measureConcurrent},
          {"http", measureHttp},
          {"tensor", measureTensor},
          {"generation", measureGeneration},
          {"transcription", measureTranscription},
          {"record", measureRecord},
          {"start", measureStart},
          {"import", measureImport},
          {"recovery", measureRecovery},
          {"memory", measureMemory},
          {"connections", measureConnections},
          {"soak", measureSoak}};
}

int run(const std::vector<std::string>& wanted, const Settings& settings,
        const std::filesystem::path& json) {
  std::filesystem::remove_all(settings.work);
  std::filesystem::create_directories(settings.work);
  auto machine = inspectThisMachine();
  machine.browser = describeBrowser(settings.work / "cache-bare");
  Report report(machine);
  for (const auto& [name, measure] : figures()) {
    if (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()) continue;
    std::cerr << "bench: " << name << std::endl;
    try {
      measure(settings, report);
    } catch (const std::exception& error) {
      report.addFailure(name, error.what());
      std::cerr << "bench: " << name << ": " << error.what() << std::endl;
    }
  }
  std::filesystem::remove_all(settings.work);
  report.writeMarkdown(std::cout);
  std::ofstream(json) << boost::json::serialize(report.json()) << '\n';
  return report.hasFailures() ? 1 : 0;
}

int main(int argc, char** argv) {
  CLI::App app("What webpool costs, as ratios to what is compared with in the same run.");
  std::vector<std::string> names;
  for (const auto& [name, measure] : figures()) names.push_back(name);
  Settings settings;
  settings.source = WEBPOOL_SOURCE_DIR;
  settings.progress = &std::cerr;
  std::vector<std::string> wanted;
  std::filesystem::path json;
  app.add_option("figure", wanted, "only these")->check(CLI::IsMember(names));
  app.add_flag("--quick", settings.quick, "fewer and shorter slices");
  app.add_option("--soak-minutes", settings.soakMinutes, "how long the soak lasts")
      ->capture_default_str();
  app.add_option("--work", settings.work, "folder in which a scratch folder is made")->required();
  app.add_option("--json", json, "file for the results")->required();
  CLI11_PARSE(app, argc, argv);
  settings.work /= "scratch";
  return run(wanted, settings, json);
}

}  // namespace
}  // namespace webpool::bench

int main(int argc, char** argv) {
  try {
    return webpool::bench::main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "bench: " << error.what() << std::endl;
    return 1;
  }
}

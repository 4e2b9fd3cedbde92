#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>

#include "browsers/browser.h"
#include "browsers/machine.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "pool/refusals.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

using Row = std::vector<std::string>;

struct ListFlags {
  BrowserFlags browser;
  std::vector<std::string> names;
  bool asJson = false;
  bool asMarkdown = false;
  bool probe = false;
};

/// A browser, and what its page measured or why it did not.
struct Probed {
  browsers::Browser browser;
  Result<BrowserCapabilities> capabilities;
};

std::string yesNo(bool value) {
  return value ? "yes" : "no";
}

/// "cpu gpu? npu?": a question mark where it is not known to compute on what it is called.
std::string webNnText(const BrowserCapabilities& capabilities) {
  std::string text;
  for (const auto& context : capabilities.webnnContexts) {
    const bool sure = context.deviceType == "cpu" || context.runsOn == "unlike-cpu";
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", context.deviceType, sure ? "" : "?");
  }
  return text.empty() ? "none" : text;
}

/// One browser after another, each in a profile that is removed afterwards.
Result<BrowserCapabilities> probe(const Context& context, const PoolOptions& shared,
                                  const std::string& name) {
  auto options = shared;
  options.browsers = {name};
  options.ephemeral = true;
  options.measureWebNn = true;
  auto pool = ResourcePool::open(std::move(options));
  if (!pool) return std::unexpected(pool.error());
  const std::stop_callback closing(context.stop, [&pool] { (*pool)->close(); });
  return (*pool)->capabilities();
}

void printProbed(const std::vector<Probed>& all) {
  constexpr std::size_t kAdapterWidth = 36;
  std::vector<Row> rows{
      {"NAME", "VERSION", "SIMD", "THREADS", "WORKERS", "OPFS", "WEBNN", "WEBGPU", "F16"}};
  std::vector<Row> adapters{{"NAME", "ADAPTER", "BUFFER", "BINDING"}};
  bool anyWebNn = false;
  for (const auto& [browser, measured] : all) {
    if (!measured) {
      rows.push_back({browser.name, browser.version, "-", "-", "-", "-", "-", "failed", "-"});
      continue;
    }
    const auto& gpu = measured->webgpu;
    const auto* computes = !gpu ? "none" : gpu->software ? "software" : "hardware";
    rows.push_back({browser.name, browser.version, yesNo(measured->wasmSimd),
                    yesNo(measured->wasmThreads), yesNo(measured->workers), yesNo(measured->opfs),
                    webNnText(*measured), computes, gpu ? yesNo(gpu->shaderF16) : "-"});
    anyWebNn = anyWebNn || !measured->webnn.empty();
    if (!gpu) continue;
    adapters.push_back({browser.name, fitText(gpu->label(), kAdapterWidth),
                        bytesText(gpu->maxBufferSize),
                        bytesText(gpu->maxStorageBufferBindingSize)});
  }
  std::printf("%s", tableText(rows).c_str());
  if (adapters.size() > 1) std::printf("\n%s", tableText(adapters).c_str());
  if (anyWebNn) {
    std::printf(
        "\nWEBNN: what contexts could be created for; \"?\": it is not known to run there.\n");
  }
}

void printMarkdown(const std::vector<Probed>& all) {
  std::printf(
      "| browser | version | WASM SIMD | WASM threads | Workers | OPFS | WebNN contexts | WebGPU "
      "adapter | "
      "shader-f16 | largest buffer | largest binding "
      "|\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& [browser, measured] : all) {
    if (!measured) {
      std::printf("| %s | %s | failed: %s |\n", browser.name.c_str(), browser.version.c_str(),
                  measured.error().message.c_str());
      continue;
    }
    const auto& gpu = measured->webgpu;
    const Row row{browser.name,
                  browser.version,
                  yesNo(measured->wasmSimd),
                  yesNo(measured->wasmThreads),
                  yesNo(measured->workers),
                  yesNo(measured->opfs),
                  webNnText(*measured),
                  gpu ? gpu->label() : "none",
                  gpu ? yesNo(gpu->shaderF16) : "-",
                  gpu ? bytesText(gpu->maxBufferSize) : "-",
                  gpu ? bytesText(gpu->maxStorageBufferBindingSize) : "-"};
    std::printf("| %s |\n", fmt::format("{}", fmt::join(row, " | ")).c_str());
  }
}

boost::json::object adapterJson(const AdapterInfo& adapter) {
  auto object = toJson(adapter);
  object["label"] = adapter.label();
  object["max_compute_workgroup_storage_size"] = adapter.maxComputeWorkgroupStorageSize;
  object["max_compute_invocations_per_workgroup"] = adapter.maxComputeInvocationsPerWorkgroup;
  object["features"] = boost::json::array(adapter.features.begin(), adapter.features.end());
  if (adapter.subgroupMinSize) object["subgroup_min_size"] = *adapter.subgroupMinSize;
  if (adapter.subgroupMaxSize) object["subgroup_max_size"] = *adapter.subgroupMaxSize;
  return object;
}

boost::json::object capabilitiesJson(const BrowserCapabilities& measured) {
  boost::json::object object{{"user_agent", measured.userAgent},
                             {"cross_origin_isolated", measured.crossOriginIsolated},
                             {"cores", measured.cores},
                             {"memory_gib", nullptr},
                             {"wasm_simd", measured.wasmSimd},
                             {"wasm_threads", measured.wasmThreads},
                             {"webgpu", nullptr},
                             {"webnn", boost::json::array()},
                             {"opfs", measured.opfs},
                             {"workers", measured.workers},
                             {"cores_trusted", measured.coresTrusted},
                             {"wasm_relaxed_simd", measured.wasmRelaxedSimd}};
  for (const auto& context : measured.webnnContexts) {
    object["webnn"].as_array().push_back(
        boost::json::object{{"device_type", context.deviceType}, {"runs_on", context.runsOn}});
  }
  if (measured.memoryGib) object["memory_gib"] = *measured.memoryGib;
  if (measured.webgpu) object["webgpu"] = adapterJson(*measured.webgpu);
  return object;
}

boost::json::object browserJson(const browsers::Browser& browser) {
  return {{"name", browser.name},
          {"engine", browser.engine},
          {"version", browser.version},
          {"path", browser.path.native()}};
}

void printJson(const std::vector<Probed>& all, const browsers::MachineFacts& machine) {
  boost::json::array list;
  for (const auto& [browser, measured] : all) {
    auto object = browserJson(browser);
    if (measured) {
      object["capabilities"] = capabilitiesJson(*measured);
    } else {
      object["error"] = toJson(measured.error());
    }
    list.push_back(std::move(object));
  }
  std::printf("%s\n", boost::json::serialize(boost::json::object{{"browsers", std::move(list)},
                                                                 {"sandbox", machine.sandbox},
                                                                 {"gpu", machine.gpu},
                                                                 {"gpu_name", machine.gpuName}})
                          .c_str());
}

/// Those named, or all that are installed; one that is named, or whose path a person gave, and is
/// not there, with its error.
std::vector<Probed> findBrowsers(browsers::BrowserFinder& finder,
                                 const std::vector<std::string>& names) {
  std::vector<Probed> all;
  const auto unknown = [] { return fail(ErrorCategory::Internal, "not probed"); };
  const auto looked = names.empty() ? browsers::BrowserFinder::knownNames() : names;
  for (const auto& name : looked) {
    auto found = finder.find(name);
    if (found) {
      all.push_back({std::move(*found), unknown()});
    } else if (!names.empty() || finder.isGiven(name)) {
      all.push_back({{.engine = "", .name = name, .path = {}, .version = ""},
                     std::unexpected(found.error())});
    }
  }
  return all;
}

int probeBrowsers(const Context& context, const ListFlags& flags, const PoolOptions& shared,
                  std::vector<Probed> all, const browsers::MachineFacts& machine) {
  for (auto& [browser, measured] : all) {
    if (browser.path.empty()) continue;  // not installed: it has its error already
    if (context.stop.stop_requested()) {
      measured = fail(ErrorCategory::Cancelled, "interrupted");
      continue;
    }
    if (!context.quiet) {
      std::fprintf(stderr, "probe %s %s\n", browser.name.c_str(), browser.version.c_str());
    }
    measured = probe(context, shared, browser.name);
  }
  // What Ctrl-C kept from being probed did not fail.
  std::erase_if(all, [](const Probed& probed) {
    return !probed.capabilities && probed.capabilities.error().category == ErrorCategory::Cancelled;
  });
  if (flags.asJson) {
    printJson(all, machine);
  } else if (flags.asMarkdown) {
    printMarkdown(all);
  } else {
    printProbed(all);
  }
  if (context.stop.stop_requested()) return exitCode(ErrorCategory::Cancelled);
  int code = 0;
  for (const auto& [browser, measured] : all) {
    if (measured) continue;
    const auto& error = measured.error();
    std::fprintf(stderr, "%s: %s [%s]\n", browser.name.c_str(), error.message.c_str(),
                 std::string(categoryName(error.category)).c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  -> %s\n", error.hint.c_str());
    if (code == 0) code = exitCode(error.category);
  }
  return code;
}

boost::json::array refusedJson(const std::vector<pool::Refusal>& refused) {
  boost::json::array list;
  for (const auto& [what, name, message, hint, on] : refused) {
    list.push_back(boost::json::object{{"name", name},
                                       {"model", what.model},
                                       {"dtype", what.dtype},
                                       {"backend", what.backend},
                                       {"browser", what.browser},
                                       {"version", what.version},
                                       {"adapter", what.adapter},
                                       {"message", message},
                                       {"on", on}});
  }
  return list;
}

int listFound(const Context& context, const ListFlags& flags, const std::vector<Probed>& all,
              const browsers::MachineFacts& machine) {
  std::vector<Row> rows{{"NAME", "ENGINE", "VERSION", "PATH"}};
  boost::json::array list;
  int code = 0;
  for (const auto& [browser, error] : all) {
    list.push_back(browserJson(browser));
    if (browser.path.empty()) {
      const auto failed = reportError(error.error());
      if (code == 0) code = failed;
      list.back().as_object()["error"] = toJson(error.error());
      continue;
    }
    rows.push_back({browser.name, browser.engine, browser.version, browser.path.native()});
  }
  const auto refused = pool::Refusals(context.paths.cache / "refused.json").all();
  if (flags.asJson) {
    std::printf("%s\n",
                boost::json::serialize(boost::json::object{{"browsers", std::move(list)},
                                                           {"refused", refusedJson(refused)},
                                                           {"sandbox", machine.sandbox},
                                                           {"gpu", machine.gpu},
                                                           {"gpu_name", machine.gpuName}})
                    .c_str());
    return code;
  }
  if (rows.size() > 1) std::printf("%s", tableText(rows).c_str());
  if (!refused.empty()) std::printf("\nFound to answer wrong there, and not served:\n");
  for (const auto& [what, name, message, hint, on] : refused) {
    std::printf("  %s\n", fmt::format("{} {} on {}{}, {} {} ({})", name, what.dtype, what.backend,
                                      what.adapter.empty() ? "" : " of " + what.adapter,
                                      what.browser, what.version, on)
                              .c_str());
  }
  if (!machine.sandbox && !context.quiet) {
    std::fprintf(stderr, "note: %s\n", machine.notice.c_str());
  }
  return code;
}

int runBrowsers(const Context& context, const ListFlags& flags) {
  const auto environment = browsers::Environment::ofThisProcess();
  ProgressLine progress(context.quiet);
  const auto options = flags.browser.poolOptions(
      context, [&progress](const std::string& text) { progress.note("note: " + text); });
  if (!options) return reportError(options.error());
  browsers::BrowserFinder finder(environment, context.paths.cache / "browser-versions");
  for (const auto& [name, path] : options->browserPaths) {
    if (const auto given = finder.overridePath(name, path); !given) {
      return reportError(given.error());
    }
  }
  for (const auto& name : flags.names) {
    const auto known = browsers::BrowserFinder::knownNames();
    if (std::ranges::find(known, name) == known.end()) {
      return reportError(finder.find(name).error());
    }
  }
  auto all = findBrowsers(finder, flags.names);
  const auto machine = all.empty() ? browsers::inspectMachine(environment, {})
                                   : browsers::inspectMachineFor(environment, all[0].browser);
  if (all.empty()) {
    const auto none = finder.find("auto");
    if (flags.asJson) printJson({}, machine);
    return none ? 0 : reportError(none.error());
  }
  return flags.probe ? probeBrowsers(context, flags, *options, std::move(all), machine)
                     : listFound(context, flags, all, machine);
}

}  // namespace

void addBrowsersCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<ListFlags>();
  auto* command = app.add_subcommand("browsers", "List the browsers that webpool can use");
  command->add_option("NAME", flags->names, "Only these");
  command
      ->add_option("--browser-path", flags->browser.browserPaths,
                   "Check this executable, NAME=PATH")
      ->allow_extra_args(false);
  auto* probe = command->add_flag("--probe", flags->probe,
                                  "Start each, one after another, and show what it can do");
  auto* json = command->add_flag("--json", flags->asJson, "Print one JSON object");
  command->add_flag("--markdown", flags->asMarkdown, "Print the probe's table as Markdown")
      ->needs(probe)
      ->excludes(json);
  command->footer(
      "\nThe exit code is 0 where every browser answered, else that of the first error.\n"
      "\nExamples:\n  webpool browsers --json\n  webpool browsers --probe firefox webkit");
  command->callback([flags, &context, &action] {
    action = [flags, &context] { return runBrowsers(context, *flags); };
  });
}

}  // namespace webpool::cli

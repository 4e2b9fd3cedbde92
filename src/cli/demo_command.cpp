#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/record_flags.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

constexpr const char* kModel = "all-minilm-l6-v2";

const std::vector<std::string>& sentences() {
  static const std::vector<std::string> texts{
      "A man is playing a guitar on stage.",
      "Someone performs music with a guitar.",
      "The stock market fell sharply today.",
  };
  return texts;
}

struct Measured {
  double firstMs = 0;
  double warmMs = 0;
};

/// One embedding of all sentences, then `warm` more, of which the fastest counts.
Result<Measured> measure(const Model& model, const RunOptions& options, int warm,
                         std::vector<std::vector<float>>& vectors) {
  Measured measured;
  auto first = model.embed(sentences(), options);
  if (!first) return std::unexpected(first.error());
  measured.firstMs = first->timings.totalMs;
  vectors = std::move(first->vectors);
  for (int i = 0; i < warm; ++i) {
    const auto again = model.embed(sentences(), options);
    if (!again) return std::unexpected(again.error());
    if (i == 0 || again->timings.totalMs < measured.warmMs)
      measured.warmMs = again->timings.totalMs;
  }
  return measured;
}

void printRow(const Model& model, const Measured& measured) {
  const auto& info = model.info();
  std::printf("\n%s\n", ranOnText(info.ranOn).c_str());
  std::printf(
      "  load       %-9s (fetch %s, compile %s, warm-up %s)\n",
      millisecondsText(info.timings.fetchMs + info.timings.compileMs + info.timings.warmupMs)
          .c_str(),
      millisecondsText(info.timings.fetchMs).c_str(),
      millisecondsText(info.timings.compileMs).c_str(),
      millisecondsText(info.timings.warmupMs).c_str());
  std::printf("  first run  %-9s for 3 sentences\n", millisecondsText(measured.firstMs).c_str());
  std::printf("  warm run   %-9s for 3 sentences\n", millisecondsText(measured.warmMs).c_str());
}

int demo(const Context& context, const BrowserFlags& flags) {
  if (auto known = base::checkFolders(context.paths); !known) return reportError(known.error());
  ProgressLine progress(context.quiet);
  const auto note = [&progress](const std::string& text) { progress.note("note: " + text); };
  auto options = flags.poolOptions(context, note);
  if (!options) return reportError(options.error());
  const KeptRecord record(flags.dbPath, note);
  record.watch(*options);
  auto pool = ResourcePool::open(std::move(*options));
  if (!pool) return reportError(pool.error());
  const RunOptions runOptions{.stop = context.stop};
  const ModelOptions wasmOptions{.task = "text-embedding",
                                 .backend = Backend::Wasm,
                                 .dtype = "q4",
                                 .progress = progress.callback(),
                                 .stop = context.stop};

  std::printf("webpool demo: %s, three sentences, in a real browser\n", kModel);
  auto wasm = (*pool)->load(kModel, wasmOptions);
  progress.clear();
  if (!wasm) return reportError(wasm.error());
  std::vector<std::vector<float>> vectors;
  const auto onWasm = measure(*wasm, runOptions, 5, vectors);
  if (!onWasm) return reportError(onWasm.error());
  std::printf("\ncosine similarity\n%s", similarityTable(sentences(), vectors).c_str());
  printRow(*wasm, *onWasm);

  auto gpuOptions = wasmOptions;
  gpuOptions.backend = Backend::WebGpu;
  auto webgpu = (*pool)->load(kModel, gpuOptions);
  progress.clear();
  if (webgpu) {
    std::vector<std::vector<float>> again;
    const auto onGpu = measure(*webgpu, runOptions, 1, again);
    if (!onGpu) return reportError(onGpu.error());
    printRow(*webgpu, *onGpu);
    double lowest = 1;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      lowest = std::min(lowest, cosineSimilarity(vectors[i], again[i]));
    }
    std::printf("  agreement  cosine with wasm's at least %.4f\n", lowest);
  } else if (webgpu.error().category == ErrorCategory::Unsupported ||
             webgpu.error().category == ErrorCategory::WrongResult) {
    std::printf("\nwebgpu: not run: %s\n", webgpu.error().message.c_str());
  } else {
    return reportError(webgpu.error());
  }
  std::printf("\nbrowser launch  %s\nmodel CID       %s\n",
              millisecondsText(wasm->info().timings.launchMs).c_str(), wasm->info().cid.c_str());
  return 0;
}

}  // namespace

void addDemoCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<BrowserFlags>();
  flags->ephemeral = true;
  auto* command = app.add_subcommand(
      "demo", "Embed three sentences on WASM and on WebGPU, with times; leaves nothing behind");
  command->add_option("--browser", flags->browser, "Which browser (webpool browsers lists them)")
      ->capture_default_str();
  command
      ->add_option("--browser-path", flags->browserPaths,
                   "Use this executable, e.g. chromium=/opt/chromium/chrome")
      ->allow_extra_args(false);
  command->add_flag("--visible", flags->visible, "Show the browser's window");
  command->footer(
      "\nExamples:\n  webpool demo\n  webpool demo --browser-path chromium=/opt/chromium/chrome");
  command->callback(
      [flags, &context, &action] { action = [flags, &context] { return demo(context, *flags); }; });
}

}  // namespace webpool::cli

#include "cli/run_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "onnx/json_tensors.h"
#include "onnx/npz.h"

namespace webpool::cli {

namespace json = boost::json;

Result<void> checkOutputs(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path path(name);
  if (path.empty()) return {};
  if (path.extension() != ".npz" && path.extension() != ".json") {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("--outputs {}: the name must end in .npz or .json", path.native()),
                "or use --json, which prints to standard output");
  }
  std::error_code none;
  const auto status = fs::status(path, none);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("--outputs {} is no plain file", path.native()), "give another name");
  }
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return {};
  auto error = base::fileError("can't write in", folder, errno);
  error.hint = "give --outputs a folder that exists and may be written";
  return std::unexpected(std::move(error));
}

Result<void> writeOutputs(const std::string& name, const std::string& model,
                          const std::vector<Tensor>& outputs) {
  const std::filesystem::path path(name);
  Result<std::string> contents =
      path.extension() == ".npz" ? onnx::writeNpz(outputs) : onnx::writeJsonTensors(model, outputs);
  if (!contents) return std::unexpected(contents.error());
  // Through a symbolic link to its target, and not in its place.
  std::error_code none;
  const auto target = std::filesystem::weakly_canonical(path, none);
  return base::writeFileAtomically(none ? path : target, *contents);
}

void printLabels(std::span<const LabelScore> labels) {
  for (const auto& [label, score] : labels) {
    std::printf("  %5.1f %%  %s\n", 100 * score, label.c_str());
  }
}

void printTruncated(const std::vector<bool>& truncated) {
  const auto first = std::ranges::find(truncated, true);
  if (first == truncated.end()) return;
  std::fflush(stdout);
  std::fprintf(stderr,
               "%td of the %zu texts are longer than the model reads, and what is beyond was left "
               "out (the first is text %td)\n",
               std::ranges::count(truncated, true), truncated.size(),
               first - truncated.begin() + 1);
}

void addTruncated(json::object& object, const std::vector<bool>& truncated) {
  if (std::ranges::find(truncated, true) == truncated.end()) return;
  object["truncated"] = json::array(truncated.begin(), truncated.end());
}

namespace {

/// Of all graphs together: each is fetched, compiled and warmed up by itself.
LoadTimings loadOf(const Ran& ran) {
  if (ran.graphs.empty()) return ran.model.info().timings;
  LoadTimings all;
  for (const auto& graph : ran.graphs) {
    const auto one = graph.loadTimings();
    all.launchMs = std::max(all.launchMs, one.launchMs);
    all.fetchMs += one.fetchMs;
    all.compileMs += one.compileMs;
    all.warmupMs += one.warmupMs;
    all.bytesNetwork += one.bytesNetwork;
    all.bytesCache += one.bytesCache;
    all.bytesPeer += one.bytesPeer;
    all.components.insert(all.components.end(), one.components.begin(), one.components.end());
    // One that is loaded when it is needed tells only its phases.
    all.totalMs += one.totalMs > 0 ? one.totalMs : one.fetchMs + one.compileMs + one.warmupMs;
  }
  return all;
}

std::uint64_t bytesOf(const Ran& ran) {
  return ran.graphs.empty() ? ran.model.info().bytes : Model::bytesTogether(ran.graphs);
}

/// What came of the run: its time, or why there was none.
std::string runText(const Ran& ran) {
  if (!ran.timings) return "no run was needed";
  if (ran.timings->cached) return "no run: an earlier answer";
  return "run " + millisecondsText(ran.timings->totalMs);
}

}  // namespace

void printRan(const Ran& ran) {
  const auto& info = ran.model.info();
  const auto load = loadOf(ran);
  std::printf("\nmodel    %s, %s, %s%s\n", info.name.c_str(), info.dtype.c_str(),
              bytesText(bytesOf(ran)).c_str(),
              info.weights.empty() ? "" : ", weights: random (never trained)");
  std::printf("cid      %s\n", info.cid.c_str());
  std::printf("ran on   %s\n", ranOnText(ran.ranOn).c_str());
  std::printf("checked  %s\n", ran.ranOn.checkedBy.c_str());
  std::printf("times    launch %s, load %s, %s\n", millisecondsText(load.launchMs).c_str(),
              millisecondsText(load.fetchMs + load.compileMs + load.warmupMs).c_str(),
              runText(ran).c_str());
}

json::object summary(const Ran& ran) {
  const auto& info = ran.model.info();
  const bool hasRun = ran.timings && !ran.timings->cached;
  json::object object{{"model", info.name},
                      {"task", info.task},
                      {"cid", info.cid},
                      {"bytes", bytesOf(ran)},
                      {"ran_on", toJson(ran.ranOn)},
                      {"load", toJson(loadOf(ran))},
                      {"run", hasRun ? json::value(toJson(*ran.timings)) : json::value()}};
  if (ran.timings && !hasRun) object["cached"] = true;
  if (!info.weights.empty()) object["weights"] = info.weights;
  if (!info.loweredFrom.empty()) object["lowered_from"] = info.loweredFrom;
  return object;
}

}  // namespace webpool::cli

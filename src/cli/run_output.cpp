#include "cli/run_output.h"

#include <fmt/format.h>
#include <unistd.h>

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

void printRan(const Model& model, const RanOn& ranOn, const RunTimings& timings) {
  const auto& info = model.info();
  const auto& load = info.timings;
  std::printf("\nmodel    %s, %s, %s%s\n", info.name.c_str(), info.dtype.c_str(),
              bytesText(info.bytes).c_str(),
              info.weights.empty() ? "" : ", weights: random (never trained)");
  std::printf("cid      %s\n", info.cid.c_str());
  std::printf("ran on   %s\n", ranOnText(ranOn).c_str());
  std::printf("checked  %s\n", ranOn.checkedBy.c_str());
  std::printf("times    launch %s, load %s, run %s\n", millisecondsText(load.launchMs).c_str(),
              millisecondsText(load.fetchMs + load.compileMs + load.warmupMs).c_str(),
              millisecondsText(timings.totalMs).c_str());
}

json::object summary(const Model& model, const RanOn& ranOn, const RunTimings& timings) {
  const auto& info = model.info();
  json::object object{{"model", info.name},      {"task", info.task},
                      {"cid", info.cid},         {"bytes", info.bytes},
                      {"ran_on", toJson(ranOn)}, {"load", toJson(info.timings)},
                      {"run", toJson(timings)}};
  if (!info.weights.empty()) object["weights"] = info.weights;
  return object;
}

}  // namespace webpool::cli

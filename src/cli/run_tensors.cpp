#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <span>

#include "base/file.h"
#include "cli/exit_code.h"
#include "cli/own_task.h"
#include "cli/run_output.h"
#include "cli/run_task.h"
#include "onnx/check_inputs.h"
#include "onnx/json_tensors.h"
#include "onnx/npz.h"
#include "pool/signature.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

Result<Bytes> readInputFile(const std::string& path) {
  if (path == "-") {
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    return Bytes::adopt(std::move(text));
  }
  auto contents = base::readInput(path, 4ull << 30, true);
  if (!contents) return std::unexpected(contents.error());
  return Bytes::adopt(std::move(*contents));
}

std::string tensorLine(const Tensor& tensor) {
  auto line =
      fmt::format("{}  {} {}", tensor.name, dataTypeName(tensor.type), shapeText(tensor.shape));
  if (tensor.type == DataType::Fp32) {
    line += " ";
    const auto values = tensor.as<float>();
    for (std::size_t i = 0; i < std::min<std::size_t>(values.size(), 4); ++i) {
      // A NaN has no sign worth telling.
      line += std::isnan(values[i]) ? " nan" : fmt::format(" {:.5g}", values[i]);
    }
    if (values.size() > 4) line += " …";
  }
  return line;
}

/// The way to what the model does by itself, before the way to the graph: "--task
/// voice-activity-detection, or ".
std::string toOwnTask(const ModelDescription& description) {
  const auto task = ownTask(description);
  return task == "tensors" ? std::string() : fmt::format("--task {}, or ", task);
}

/// Says which input it was that could not be read.
std::unexpected<Error> inputError(const RunFlags& flags, Error error) {
  error.message =
      fmt::format("{}: {}", flags.inputs == "-" ? "standard input" : flags.inputs, error.message);
  return std::unexpected(std::move(error));
}

class TensorsTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (!flags.arguments.empty()) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("the model '{}' takes tensors, not text", description.name),
                  "give " + toOwnTask(description) + "--inputs in.npz or --inputs in.json");
    }
    if (flags.inputs.empty()) {
      std::string names;
      for (const auto& spec : description.inputs) {
        names += fmt::format("\n     {}: {}", spec.name, onnx::portText(pool::toPort(spec)));
      }
      return fail(ErrorCategory::InvalidArgument, "no inputs given",
                  "give " + toOwnTask(description) + "--inputs FILE (.npz or .json) with:" + names);
    }
    const auto signature = pool::toOnnx(description);
    auto file = readInputFile(flags.inputs);
    if (!file) return std::unexpected(file.error());
    auto tensors = onnx::readTensors(*file, &signature);
    if (!tensors) return inputError(flags, tensors.error());
    if (auto checked = onnx::checkInputs(signature, *tensors); !checked) {
      return inputError(flags, checked.error());
    }
    inputs_ = std::move(*tensors);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    auto result = model.run(inputs_, options);
    for (unsigned i = 1; result && i < flags.repeat; ++i) result = model.run(inputs_, options);
    if (!result) return reportError(result.error());
    if (!flags.outputs.empty()) {
      if (auto written = writeOutputs(flags.outputs, flags.model, result->outputs); !written) {
        return reportError(written.error());
      }
    }
    if (flags.json) {
      auto object = summary({model, result->ranOn, result->timings});
      if (flags.outputs.empty()) {
        const auto text = onnx::writeJsonTensors(model.info().name, result->outputs);
        if (!text) return reportError(text.error());
        object["outputs"] = json::parse(*text).at("outputs");
      } else {
        object["outputs_file"] = flags.outputs;
      }
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    for (const auto& tensor : result->outputs) std::printf("%s\n", tensorLine(tensor).c_str());
    if (!flags.outputs.empty()) std::printf("written to %s\n", flags.outputs.c_str());
    printRan({model, result->ranOn, result->timings});
    return 0;
  }

 private:
  std::vector<Tensor> inputs_;
};

}  // namespace

std::unique_ptr<RunTask> runTensorsTask() {
  return std::make_unique<TensorsTask>();
}

}  // namespace webpool::cli

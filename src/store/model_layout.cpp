#include "store/model_layout.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gguf/quantisation.h"

namespace webpool::store {
namespace {

constexpr std::string_view kFullPrecision = "fp32";

constexpr std::array kSuffixes{
    std::pair<std::string_view, std::string_view>{"fp32", "fp32"},
    std::pair<std::string_view, std::string_view>{"fp16", "fp16"},
    std::pair<std::string_view, std::string_view>{"quantized", "q8"},
    std::pair<std::string_view, std::string_view>{"q8", "q8"},
    std::pair<std::string_view, std::string_view>{"int8", "int8"},
    std::pair<std::string_view, std::string_view>{"uint8", "uint8"},
    std::pair<std::string_view, std::string_view>{"q4", "q4"},
    std::pair<std::string_view, std::string_view>{"q4f16", "q4f16"},
    std::pair<std::string_view, std::string_view>{"bnb4", "bnb4"},
};

/// A weight file's name in its parts.
struct WeightName {
  std::string_view component;
  std::string_view dtype;
};

std::optional<WeightName> partsOf(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  if (const auto gguf = gguf::partsOfName(name)) return WeightName{gguf->stem, gguf->dtype};
  const auto dot = name.rfind(".onnx");
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const auto tail = name.substr(dot + std::string_view(".onnx").size());
  // External data: model.onnx_data, model.onnx_data_1, model.onnx.data.
  if (!tail.empty() && !tail.starts_with("_data") && tail != ".data") return std::nullopt;
  const auto stem = name.substr(0, dot);
  const auto last = stem.substr(stem.rfind('_') + 1);
  if (last.size() != stem.size()) {
    for (const auto& [suffix, dtype] : kSuffixes) {
      if (last == suffix) return WeightName{stem.substr(0, stem.size() - last.size() - 1), dtype};
    }
  }
  return WeightName{stem, kFullPrecision};
}

}  // namespace

bool isGraphPath(std::string_view path) noexcept {
  return path.ends_with(".onnx") || path.ends_with(".gguf");
}

std::optional<std::string> dtypeOfPath(std::string_view path) {
  const auto parts = partsOf(path);
  return parts ? std::optional(std::string(parts->dtype)) : std::nullopt;
}

std::string componentOfPath(std::string_view path) {
  const auto parts = partsOf(path);
  return parts ? std::string(parts->component) : "";
}

std::vector<ModelFile> classify(std::vector<TreeFile> files) {
  std::vector<ModelFile> result;
  result.reserve(files.size());
  for (auto& file : files) {
    auto dtype = dtypeOfPath(file.path);
    result.push_back({std::move(file.path), std::move(file.cid), file.size, std::move(dtype)});
  }
  std::ranges::sort(result, {}, &ModelFile::path);
  return result;
}

std::vector<std::string> dtypesOf(const std::vector<ModelFile>& files) {
  std::set<std::string> dtypes;
  for (const auto& file : files) {
    if (file.dtype) dtypes.insert(*file.dtype);
  }
  return {dtypes.begin(), dtypes.end()};
}

Result<std::string> chooseDtype(const std::vector<std::string>& available, std::string_view asked) {
  const auto has = [&](std::string_view dtype) {
    return std::ranges::find(available, dtype) != available.end();
  };
  const auto list = fmt::format("it has {}", fmt::join(available, ", "));
  if (available.empty()) {
    return fail(ErrorCategory::InvalidModel, "the model has no weights",
                "a model folder holds at least one .onnx or .gguf file");
  }
  if (!asked.empty()) {
    if (has(asked)) return std::string(asked);
    return fail(ErrorCategory::NotFound, fmt::format("the model has no dtype \"{}\"", asked), list);
  }
  if (available.size() == 1) return available.front();
  if (has(kFullPrecision)) return std::string(kFullPrecision);
  return fail(ErrorCategory::InvalidArgument, "the model has several dtypes and none was chosen",
              list);
}

Result<std::vector<ModelFile>> filesForDtype(const std::vector<ModelFile>& files,
                                             std::string_view dtype) {
  auto chosen = chooseDtype(dtypesOf(files), dtype);
  if (!chosen) return std::unexpected(chosen.error());
  std::vector<ModelFile> result;
  std::ranges::copy_if(files, std::back_inserter(result), [&](const ModelFile& file) {
    return !file.dtype || *file.dtype == *chosen;
  });
  return result;
}

}  // namespace webpool::store

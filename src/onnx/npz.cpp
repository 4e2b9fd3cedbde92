#include "onnx/npz.h"

#include <fmt/format.h>

#include <set>

#include "onnx/npy.h"
#include "onnx/text.h"
#include "onnx/zip.h"

namespace webpool::onnx {
namespace {

constexpr std::string_view kSuffix = ".npy";

}  // namespace

Result<std::vector<Tensor>> readNpz(const Bytes& archive, const NpzLimits& limits) {
  const auto entries = listZip(archive.text(), limits.maxArrays);
  if (!entries) return std::unexpected(entries.error());
  std::uint64_t total = 0;
  for (const auto& entry : *entries) total += entry.size;
  if (total > limits.maxBytes) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("the NPZ archive unpacks to {} bytes, at most {} are read", total,
                            limits.maxBytes),
                "split it");
  }
  std::set<std::string_view> names;
  std::vector<Tensor> tensors;
  for (const auto& entry : *entries) {
    std::string_view name = entry.name;
    if (!name.ends_with(kSuffix) || name.size() == kSuffix.size()) {
      return fail(ErrorCategory::InvalidInput,
                  fmt::format("the NPZ archive holds '{}', which is no array", name),
                  "write the file with numpy.savez");
    }
    if (!names.insert(name).second) {
      return fail(ErrorCategory::InvalidInput,
                  fmt::format("the NPZ archive holds '{}' twice", name), "give each array once");
    }
    name.remove_suffix(kSuffix.size());
    const auto file = extractZip(archive, entry);
    if (!file) return std::unexpected(file.error());
    auto tensor = readNpy(std::string(name), *file);
    if (!tensor) return std::unexpected(tensor.error());
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

Result<std::string> writeNpz(std::span<const Tensor> tensors, const NpzOptions& options) {
  ZipWriter writer;
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    if (tensor.name.empty() || !isUtf8(tensor.name) || !names.insert(tensor.name).second) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("'{}' can't name an array: it is empty, doubled or no UTF-8",
                              isUtf8(tensor.name) ? tensor.name : "?"));
    }
    if (auto valid = tensor.validate(); !valid) return std::unexpected(valid.error());
    const auto header = npyHeader(tensor);
    if (!header) return std::unexpected(header.error());
    auto added = writer.add(tensor.name + std::string(kSuffix), *header, tensor.data.text(),
                            options.compress);
    if (!added) return std::unexpected(added.error());
  }
  return writer.finish();
}

}  // namespace webpool::onnx

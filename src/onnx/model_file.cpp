#include "onnx/model_file.h"

#include <fmt/format.h>

#include <system_error>

#include "base/file.h"

namespace webpool::onnx {
namespace {

constexpr std::uint64_t kLargest = 2ull << 30;

Error prefixed(const std::filesystem::path& path, Error error) {
  error.message = fmt::format("{}: {}", path.native(), error.message);
  return error;
}

std::unexpected<Error> refuse(const std::filesystem::path& path, std::string_view what,
                              std::string_view hint) {
  return fail(ErrorCategory::InvalidModel, fmt::format("{}: {}", path.native(), what),
              std::string(hint));
}

}  // namespace

Result<ModelInfo> readModelFile(const std::filesystem::path& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (status.type() == std::filesystem::file_type::directory) {
    return refuse(path, "not an ONNX model: it is a folder", "give the .onnx file inside");
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return refuse(path, "not an ONNX model: it is no plain file", "give an .onnx file");
  }
  if (const auto size = std::filesystem::file_size(path, code); !code && size > kLargest) {
    return refuse(path, fmt::format("{} bytes are too large for an ONNX file (2 GiB)", size),
                  "export the model with external data");
  }
  const auto contents = base::readFile(path, kLargest);
  if (!contents) return std::unexpected(contents.error());
  auto model = readModel(std::as_bytes(std::span(contents->data(), contents->size())));
  if (!model) return std::unexpected(prefixed(path, std::move(model.error())));
  return model;
}

}  // namespace webpool::onnx

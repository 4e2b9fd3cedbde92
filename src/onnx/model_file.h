// The file shell of readModel: what is not a plain file is refused before it is read.
#pragma once

#include <filesystem>

#include "onnx/model.h"

namespace webpool::onnx {

/// Reads a model's graph file (external data files are named in the result, not opened). Errors
/// begin with the path. NotFound where nothing is; InvalidModel for a folder, a device, an empty
/// file, one above 2 GiB (protobuf's own limit), and as for readModel. Blocks on the disk.
Result<ModelInfo> readModelFile(const std::filesystem::path& path);

}  // namespace webpool::onnx

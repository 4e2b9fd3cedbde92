// Which files of a model folder belong to which precision: the layout of Hugging Face repositories
// as transformers.js reads them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "store/resolve.h"
#include "webpool/error.h"

namespace webpool::store {

struct ModelFile {
  std::string path;
  cid::Cid cid;
  std::uint64_t size = 0;
  std::optional<std::string> dtype;  ///< of weights; none for files that every dtype needs

  bool isWeights() const noexcept { return dtype.has_value(); }
};

/// Whether the path names a file that holds a model's graph: .onnx or .gguf.
bool isGraphPath(std::string_view path) noexcept;

/// "fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4" from a weight file's name
/// ("model_q4.onnx", "model_q4.onnx_data", "encoder_model_quantized.onnx"); of a .gguf file
/// its quantisation ("q4_1", "q4_k_m"), or "gguf" where its name tells none; none for other files.
std::optional<std::string> dtypeOfPath(std::string_view path);

/// "encoder_model" for "onnx/encoder_model_quantized.onnx" and its external data: the graph's name
/// without the dtype. Empty for other files.
std::string componentOfPath(std::string_view path);

/// Every file, with its dtype; sorted by path.
std::vector<ModelFile> classify(std::vector<TreeFile> files);

/// The dtypes that have weights, sorted.
std::vector<std::string> dtypesOf(const std::vector<ModelFile>& files);

/// The asked dtype if it is there; for an empty one the only one there is, else fp32. NotFound and
/// InvalidArgument list the dtypes that there are; InvalidModel when there is none.
Result<std::string> chooseDtype(const std::vector<std::string>& available, std::string_view asked);

/// The shared files and the weights of that dtype, chosen as above.
Result<std::vector<ModelFile>> filesForDtype(const std::vector<ModelFile>& files,
                                             std::string_view dtype);

}  // namespace webpool::store

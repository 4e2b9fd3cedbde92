#include "pool/precision.h"

#include <iterator>

#include <array>

#include <algorithm>

#include <fmt/format.h>

namespace webpool::pool {

Result<std::vector<std::string>> dtypesFor(unsigned bits, bool mixed) {
  using Names = std::vector<std::string>;
  if (mixed && (bits == 32 || bits == 16 || bits == 8)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("mixed precision is of weights of 4 bits, and {} are asked for", bits),
                "leave one of the two out");
  }
  switch (bits) {
    case 0:
      return mixed ? Names{"q4f16"} : Names{""};
    case 32:
      return Names{"fp32"};
    case 16:
      return Names{"fp16"};
    case 8:
      return Names{"q8", "int8", "uint8", "q8_0"};
    case 4:
      if (mixed) return Names{"q4f16"};
      return Names{"q4", "bnb4", "q4_1", "q4_0", "q4_k_m"};
    default:
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("there are no weights of {} bits", bits),
                  "32, 16, 8 or 4; 0 is the model's default");
  }
}

std::vector<unsigned> lowerPrecisions(const std::string& dtype) {
  constexpr std::array kBits{32U, 16U, 8U, 4U};
  const auto at = std::ranges::find_if(kBits, [&](unsigned bits) {
    for (const bool mixed : {false, true}) {
      if (mixed && bits != 4) continue;
      const auto dtypes = dtypesFor(bits, mixed);
      if (dtypes && std::ranges::find(*dtypes, dtype) != dtypes->end()) return true;
    }
    return false;
  });
  return at == kBits.end() ? std::vector<unsigned>{}
                           : std::vector<unsigned>(std::next(at), kBits.end());
}

std::string dtypeThatRuns(const std::string& named, const onnx::ModelInfo& graph) {
  if (named != "fp32" || !graph.usesFp16) return named;
  const auto bytesOf = [&](const char* type) {
    const auto found = graph.weightTypes.find(type);
    return found == graph.weightTypes.end() ? std::uint64_t{0} : found->second;
  };
  const auto half = bytesOf("FLOAT16");
  const auto single = bytesOf("FLOAT");
  if (half != single) return half > single ? "fp16" : named;
  // No weights of either: what goes in tells.
  const auto isHalf = [](const onnx::Port& port) { return port.type == DataType::Fp16; };
  return std::ranges::any_of(graph.inputs, isHalf) ? "fp16" : named;
}

}  // namespace webpool::pool

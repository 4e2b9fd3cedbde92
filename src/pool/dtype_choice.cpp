#include "pool/dtype_choice.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

namespace webpool::pool {
namespace {

constexpr std::array<std::string_view, 4> kOnWasm{"q8", "int8", "uint8", "fp32"};
constexpr std::array<std::string_view, 2> kElsewhere{"fp32", "fp16"};

/// Less is within what two measurements of one thing differ by.
constexpr double kClearly = 0.9;

}  // namespace

std::string likelyDtype(const std::vector<std::string>& there, std::optional<Backend> backend) {
  const bool wasm = backend == Backend::Wasm;
  const auto order = wasm ? std::span<const std::string_view>(kOnWasm) : std::span(kElsewhere);
  for (const auto dtype : order) {
    if (std::ranges::find(there, dtype) != there.end()) return std::string(dtype);
  }
  return there.empty() ? "" : there.front();
}

std::vector<std::string> orderDtypes(std::vector<DtypeChance> there, std::string_view usual) {
  const auto known = std::ranges::find(there, usual, &DtypeChance::dtype);
  const bool measured = known != there.end() && known->ms.has_value();
  const auto rank = [&](const DtypeChance& one) {
    if (one.dtype == usual) return std::pair(measured ? kClearly * *one.ms : -1.0, one.dtype);
    return std::pair(one.ms.value_or(std::numeric_limits<double>::infinity()), one.dtype);
  };
  std::ranges::sort(there, {}, rank);
  std::vector<std::string> names;
  for (const auto& one : there) names.push_back(one.dtype);
  return names;
}

}  // namespace webpool::pool

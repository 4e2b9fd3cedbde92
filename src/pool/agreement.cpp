#include "pool/agreement.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "onnx/half.h"

namespace webpool::pool {
namespace {

constexpr double kDisagree = std::numeric_limits<double>::infinity();

std::vector<double> floats(const Tensor& tensor) {
  std::vector<double> values;
  switch (tensor.type) {
    case DataType::Fp32:
      for (const float value : tensor.as<float>()) values.push_back(value);
      break;
    case DataType::Fp64:
      for (const double value : tensor.as<double>()) values.push_back(value);
      break;
    case DataType::Fp16:
      for (const auto value : tensor.as<std::uint16_t>()) {
        values.push_back(onnx::fromHalf(value));
      }
      break;
    default:
      break;
  }
  return values;
}

double relativeError(const Tensor& answer, const Tensor& reference) {
  if (answer.type != reference.type || answer.shape != reference.shape ||
      answer.data.size() != reference.data.size()) {
    return kDisagree;
  }
  const auto a = floats(answer);
  const auto r = floats(reference);
  if (a.empty()) {
    return std::ranges::equal(answer.data.view(), reference.data.view()) ? 0 : kDisagree;
  }
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(r[i])) {
      const bool same = a[i] == r[i] || (std::isnan(a[i]) && std::isnan(r[i]));
      if (!same) return kDisagree;
      continue;
    }
    difference += (a[i] - r[i]) * (a[i] - r[i]);
    norm += r[i] * r[i];
  }
  // All but zero on both sides agrees whatever the ratio.
  const double floor = 1e-12 * double(a.size());
  if (difference <= floor) return 0;
  return norm == 0 ? kDisagree : std::sqrt(difference / norm);
}

}  // namespace

// Beside each the most that correct runtimes were apart (tools/measure-spread.py; the table is in
// docs/benchmarks.md). None of it was measured on a GPU.
double toleranceFor(std::string_view dtype) {
  if (dtype == "fp32") return 0.01;                     // 0.0000
  if (dtype == "fp16" || dtype == "q4f16") return 0.1;  // 0.012, where it is computed in fp16
  // Activations are quantised on the fly: 0.19.
  if (dtype == "q8" || dtype == "int8" || dtype == "uint8") return 0.25;
  return 0.15;  // q4, bnb4: 0.038; 0.072 by other sentences
}

Agreement compareOutputs(std::span<const Tensor> answer, std::span<const Tensor> reference,
                         std::string_view dtype) {
  Agreement agreement{
      .agrees = true, .relativeError = 0, .tolerance = toleranceFor(dtype), .worst = {}};
  if (answer.size() != reference.size()) agreement.relativeError = kDisagree;
  for (const auto& expected : reference) {
    const auto found = std::ranges::find(answer, expected.name, &Tensor::name);
    const double error = found == answer.end() ? kDisagree : relativeError(*found, expected);
    if (error >= agreement.relativeError) {
      agreement.relativeError = error;
      agreement.worst = expected.name;
    }
  }
  agreement.agrees = agreement.relativeError <= agreement.tolerance;
  return agreement;
}

bool saysSomething(std::span<const Tensor> outputs) {
  bool something = false;
  for (const auto& output : outputs) {
    if (!std::ranges::all_of(floats(output), [](double value) { return std::isfinite(value); })) {
      return false;
    }
    something = something || !std::ranges::all_of(output.data.view(), [](std::byte byte) {
                  return byte == std::byte{0};
                });
  }
  return something;
}

}  // namespace webpool::pool

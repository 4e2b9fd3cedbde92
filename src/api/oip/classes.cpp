#include "api/oip/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "onnx/half.h"

namespace webpool::api::oip {
namespace {

struct Rows {
  std::size_t count = 1;
  std::size_t length = 1;
};

/// Of each row.
struct Wanted {
  std::size_t count;
  std::span<const std::string> labels;  ///< one for each number, or none
};

/// `tensor` is valid, so that no product overflows.
Rows rowsOf(const Tensor& tensor) {
  Rows rows;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const auto size = static_cast<std::size_t>(tensor.shape[i]);
    const bool isBatch = i == 0 && tensor.shape.size() > 1;
    (isBatch ? rows.count : rows.length) *= size;
  }
  return rows;
}

template <class T>
bool isGreater(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  }
  return a > b;
}

void appendText(std::string_view text, std::string& out) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (unsigned shift = 0; shift < 32; shift += 8) {
    out += static_cast<char>((size >> shift) & 0xff);
  }
  out += text;
}

/// `Stored` is what lies in the tensor, and `valueOf` makes a number of it.
template <class Stored, class ValueOf>
std::string topOfRows(const Tensor& tensor, const Rows& rows, const Wanted& wanted,
                      ValueOf valueOf) {
  using Value = std::invoke_result_t<ValueOf, Stored>;
  std::string out;
  std::vector<Value> values(rows.length);
  std::vector<std::size_t> order(rows.length);
  const auto* from = tensor.data.data();
  for (std::size_t row = 0; row < rows.count; ++row) {
    for (auto& value : values) {
      Stored stored;
      std::memcpy(&stored, from, sizeof stored);  // a slice of a message is not aligned
      from += sizeof stored;
      value = valueOf(stored);
    }
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(wanted.count);
    std::partial_sort(order.begin(), end, order.end(), [&](std::size_t a, std::size_t b) {
      if (isGreater(values[a], values[b])) return true;
      return !isGreater(values[b], values[a]) && a < b;
    });
    for (auto index = order.begin(); index != end; ++index) {
      auto text = fmt::format("{}:{}", values[*index], *index);
      if (!wanted.labels.empty()) text += ':' + wanted.labels[*index];
      appendText(text, out);
    }
  }
  return out;
}

template <class T>
std::string topOf(const Tensor& tensor, const Rows& rows, const Wanted& wanted) {
  return topOfRows<T>(tensor, rows, wanted, [](T value) {
    // fmt takes the bytes for characters otherwise.
    if constexpr (sizeof(T) == 1) {
      return static_cast<int>(value);
    } else {
      return value;
    }
  });
}

std::string topTexts(const Tensor& tensor, const Rows& rows, const Wanted& wanted) {
  switch (tensor.type) {
    case DataType::Uint8:
      return topOf<std::uint8_t>(tensor, rows, wanted);
    case DataType::Uint16:
      return topOf<std::uint16_t>(tensor, rows, wanted);
    case DataType::Uint32:
      return topOf<std::uint32_t>(tensor, rows, wanted);
    case DataType::Uint64:
      return topOf<std::uint64_t>(tensor, rows, wanted);
    case DataType::Int8:
      return topOf<std::int8_t>(tensor, rows, wanted);
    case DataType::Int16:
      return topOf<std::int16_t>(tensor, rows, wanted);
    case DataType::Int32:
      return topOf<std::int32_t>(tensor, rows, wanted);
    case DataType::Int64:
      return topOf<std::int64_t>(tensor, rows, wanted);
    case DataType::Fp16:
      return topOfRows<std::uint16_t>(tensor, rows, wanted, onnx::fromHalf);
    case DataType::Bf16:
      return topOfRows<std::uint16_t>(tensor, rows, wanted, onnx::fromBfloat16);
    case DataType::Fp32:
      return topOf<float>(tensor, rows, wanted);
    case DataType::Fp64:
      return topOf<double>(tensor, rows, wanted);
    case DataType::Bool:
    case DataType::Bytes:
      break;
  }
  return {};
}

}  // namespace

Result<Tensor> topClasses(const Tensor& output, std::uint64_t count,
                          std::span<const std::string> labels) {
  if (output.type == DataType::Bool || output.type == DataType::Bytes) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("output '{}' is {}, which has no greatest: it can't be classified",
                            output.name, dataTypeName(output.type)),
                "leave its parameter classification out");
  }
  if (auto valid = output.validate(); !valid) return std::unexpected(valid.error());
  const auto rows = rowsOf(output);
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(count, rows.length));
  Tensor classes{output.name, DataType::Bytes, {}, {}};
  if (output.shape.size() > 1) classes.shape.push_back(output.shape.front());
  classes.shape.push_back(static_cast<std::int64_t>(taken));
  if (labels.size() != rows.length) labels = {};
  classes.data = Bytes::adopt(topTexts(output, rows, {taken, labels}));
  return classes;
}

}  // namespace webpool::api::oip

// Authors small ONNX models in bytes, for tests: real models that ONNX Runtime loads and runs, and
// broken ones for the faults that a reader must find.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "webpool/tensor.h"

namespace webpool::onnx::testing {

/// A dimension: fixed, or named and free.
struct Dim {
  Dim(std::int64_t size) : value(size) {}             // NOLINT: implicit on purpose
  Dim(const char* name) : value(-1), symbol(name) {}  // NOLINT
  std::int64_t value;
  std::string symbol;
};

/// Builds one model: calls in any order, then build(). Not thread-safe.
class ModelBuilder {
 public:
  explicit ModelBuilder(std::int64_t irVersion = 8, std::int64_t opset = 17)
      : irVersion_(irVersion), opset_(opset) {}

  ModelBuilder& input(std::string_view name, DataType type, const std::vector<Dim>& shape);
  ModelBuilder& output(std::string_view name, DataType type, const std::vector<Dim>& shape);
  /// An input whose TypeProto is given as bytes (for sequences, unknown types and the like).
  ModelBuilder& rawInput(std::string_view name, std::string_view typeProto);
  ModelBuilder& initializer(const Tensor& tensor);
  /// Weights that lie in another file.
  ModelBuilder& externalInitializer(std::string_view name, DataType type, const Shape& shape,
                                    std::string_view location, std::uint64_t offset = 0);
  ModelBuilder& node(std::string_view op, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, std::string_view domain = "");
  /// A NodeProto or GraphProto field given as bytes.
  ModelBuilder& rawNode(std::string_view nodeProto);
  ModelBuilder& opset(std::string_view domain, std::int64_t version);

  std::string build() const;

 private:
  std::int64_t irVersion_;
  std::int64_t opset_;
  std::vector<std::string> nodes_, initializers_, inputs_, outputs_;
  std::vector<std::pair<std::string, std::int64_t>> opsets_;
};

/// y = x
std::string identityModel(DataType type, const std::vector<Dim>& shape);
/// c = a + b
std::string addModel(DataType type, const std::vector<Dim>& shape);
/// y[batch, columns] = x[batch, rows] · w, with w[i][j] = ((i * columns + j) % 7 − 3) / 4, exact in
/// FP16 too; `type` is Fp32 or Fp16.
std::string matMulModel(DataType type, std::int64_t rows, std::int64_t columns);
/// If nodes nested `depth` times around an Identity; runnable up to depth 4.
std::string nestedModel(int depth);

}  // namespace webpool::onnx::testing

#include "onnx/port_reader.h"

#include <fmt/format.h>

#include "onnx/element_type.h"
#include "onnx/protobuf.h"
#include "onnx/text.h"

namespace webpool::onnx {
namespace {

constexpr std::size_t kMaxRank = 32;

struct RawValue {
  std::string_view name;
  std::optional<std::string_view> type;
};

RawValue parseValue(std::string_view bytes) {
  RawValue out;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(1):
        out.name = toText(reader.get_view());
        break;
      case lengthField(2):
        out.type = toText(reader.get_view());
        break;
      default:
        reader.skip();
    }
  }
  return out;
}

struct RawType {
  std::optional<std::string_view> tensor;
  std::string_view other;  ///< what it is instead of a tensor
};

RawType parseType(std::string_view bytes) {
  RawType out;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(1):
        out.tensor = toText(reader.get_view());
        continue;
      case lengthField(4):
        out.other = "a sequence";
        break;
      case lengthField(5):
        out.other = "a map";
        break;
      case lengthField(7):
        out.other = "an opaque value";
        break;
      case lengthField(8):
        out.other = "a sparse tensor";
        break;
      case lengthField(9):
        out.other = "an optional value";
        break;
      default:
        break;
    }
    reader.skip();
  }
  return out;
}

struct RawTensorType {
  std::int64_t elementType = 0;
  std::optional<std::string_view> shape;
};

RawTensorType parseTensorType(std::string_view bytes) {
  RawTensorType out;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varintField(1):
        out.elementType = reader.get_int64();
        break;
      case lengthField(2):
        out.shape = toText(reader.get_view());
        break;
      default:
        reader.skip();
    }
  }
  return out;
}

void addDimension(std::string_view bytes, Port& port) {
  std::int64_t size = -1;
  std::string_view symbol;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varintField(1):
        size = reader.get_int64();
        break;
      case lengthField(2):
        symbol = toText(reader.get_view());
        break;
      default:
        reader.skip();
    }
  }
  // Some exporters write a negative size for a free dimension.
  port.shape.push_back(size < 0 ? -1 : size);
  port.symbols.emplace_back(size < 0 ? symbol : std::string_view{});
}

std::unexpected<Error> damaged(std::string what) {
  return fail(ErrorCategory::InvalidModel, "damaged model: " + std::move(what),
              "fetch the model file again, or export it anew");
}

}  // namespace

std::string_view portName(std::string_view valueInfoProto) {
  return parseValue(valueInfoProto).name;
}

std::optional<std::int64_t> portElementType(std::string_view valueInfoProto) {
  const auto value = parseValue(valueInfoProto);
  if (!value.type) return std::nullopt;
  const auto type = parseType(*value.type);
  if (!type.tensor) return std::nullopt;
  return parseTensorType(*type.tensor).elementType;
}

Result<Port> readPort(std::string_view valueInfoProto) {
  const auto value = parseValue(valueInfoProto);
  if (value.name.empty()) return damaged("an input or output has no name");
  if (!isUtf8(value.name)) return damaged("the name of an input or output is no UTF-8");
  if (!value.type) return damaged(fmt::format("'{}' has no type", value.name));
  const auto type = parseType(*value.type);
  if (!type.other.empty()) {
    return fail(
        ErrorCategory::Unsupported,
        fmt::format("'{}' of this model is {}; only tensors are supported", value.name, type.other),
        "export the model with plain tensors as inputs and outputs");
  }
  if (!type.tensor) return damaged(fmt::format("'{}' has no type", value.name));
  const auto tensor = parseTensorType(*type.tensor);
  const auto* element = findElementType(tensor.elementType);
  if (element == nullptr) {
    return damaged(fmt::format("'{}' has the unknown type {}", value.name, tensor.elementType));
  }
  if (!element->tensor) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("'{}' of this model is {}, which tensors of webpool can't hold",
                            value.name, element->name),
                "export the model with float, integer, bool or string inputs and outputs");
  }
  Port port{std::string(value.name), *element->tensor, {}, {}, tensor.shape.has_value()};
  auto reader = readerOf(tensor.shape.value_or(std::string_view{}));
  while (reader.next()) {
    if (reader.tag_and_type() != lengthField(1)) {
      reader.skip();
      continue;
    }
    addDimension(toText(reader.get_view()), port);
    if (!isUtf8(port.symbols.back())) return damaged("a dimension's name is no UTF-8");
    if (port.shape.size() > kMaxRank) {
      return damaged(fmt::format("'{}' has more than {} dimensions", port.name, kMaxRank));
    }
  }
  return port;
}

}  // namespace webpool::onnx

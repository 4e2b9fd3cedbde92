#include "onnx/npy.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

namespace webpool::onnx {
namespace {

constexpr std::string_view kMagic{"\x93NUMPY", 6};
constexpr std::size_t kMaxHeader = 1 << 16;
constexpr std::size_t kMaxRank = 32;

struct NumpyType {
  std::string_view name;  ///< without the byte order
  DataType type;
};

constexpr std::array kTypes{
    NumpyType{"b1", DataType::Bool},  NumpyType{"u1", DataType::Uint8},
    NumpyType{"i1", DataType::Int8},  NumpyType{"u2", DataType::Uint16},
    NumpyType{"i2", DataType::Int16}, NumpyType{"u4", DataType::Uint32},
    NumpyType{"i4", DataType::Int32}, NumpyType{"u8", DataType::Uint64},
    NumpyType{"i8", DataType::Int64}, NumpyType{"f2", DataType::Fp16},
    NumpyType{"f4", DataType::Fp32},  NumpyType{"f8", DataType::Fp64},
};

struct Header {
  std::string_view descr;
  std::optional<bool> fortranOrder;
  std::optional<Shape> shape;
};

/// Reads the literal {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  std::optional<Header> parse() {
    Header header;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = string();
      if (!key || !take(':') || !value(*key, header)) return std::nullopt;
      if (!take(',') && peek() != '}') return std::nullopt;
    }
    skipSpace();
    if (!rest_.empty() || !header.fortranOrder || !header.shape) return std::nullopt;
    return header;
  }

 private:
  void skipSpace() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }
  char peek() {
    skipSpace();
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool take(char c) {
    if (peek() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool takeWord(std::string_view word) {
    skipSpace();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::optional<std::string_view> string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const auto end = rest_.find(quote, 1);
    if (end == std::string_view::npos) return std::nullopt;
    const auto text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool value(std::string_view key, Header& header) {
    if (key == "fortran_order") {
      header.fortranOrder = takeWord("True");
      return *header.fortranOrder || takeWord("False");
    }
    if (key == "shape") return shape(header.shape.emplace());
    if (key != "descr") return false;
    if (peek() == '[') {  // a record type: a list of pairs, of no interest
      header.descr = "[";
      const auto end = rest_.rfind(']');
      if (end == std::string_view::npos) return false;
      rest_.remove_prefix(end + 1);
      return true;
    }
    const auto text = string();
    header.descr = text.value_or("");
    return text.has_value();
  }
  bool shape(Shape& out) {
    if (!take('(')) return false;
    while (!take(')')) {
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc{} || size < 0 || out.size() == kMaxRank) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      out.push_back(size);
      takeWord("L");  // as Python 2 wrote them
      if (!take(',') && peek() != ')') return false;
      skipSpace();
    }
    return true;
  }

  std::string_view rest_;
};

std::unexpected<Error> damaged(std::string_view name, std::string_view what) {
  return fail(ErrorCategory::InvalidInput, fmt::format("array '{}': {}", name, what),
              "write the file again with numpy.savez");
}

Result<DataType> typeOf(std::string_view name, std::string_view descr) {
  const auto refuse = [&](std::string_view what, std::string_view hint) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("array '{}' holds {} (dtype '{}')", name, what, descr),
                std::string(hint));
  };
  if (descr == "[") return refuse("records", "save each field as an array of its own");
  const char order = descr.empty() ? '\0' : descr[0];
  const auto kind = descr.substr(descr.empty() ? 0 : 1);
  if (kind.starts_with("O")) return refuse("Python objects", "save arrays of numbers");
  for (const auto& type : kTypes) {
    if (type.name != kind) continue;
    if (order == '<' || (order == '|' && elementSize(type.type) == 1)) return type.type;
    if (order == '>')
      return refuse("big-endian numbers", "convert with a.astype(a.dtype.newbyteorder('<'))");
  }
  if (kind.starts_with("U") || kind.starts_with("S")) {
    return refuse("strings", "give strings as JSON, datatype BYTES");
  }
  return refuse("a type that tensors don't have", "convert it to bool, int, uint or float");
}

/// Column-major to row-major.
std::vector<std::byte> transposed(std::span<const std::byte> source, const Shape& shape,
                                  std::size_t size) {
  std::vector<std::byte> out(source.size());
  std::vector<std::size_t> strides(shape.size());
  std::size_t stride = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    strides[i] = stride;
    stride *= static_cast<std::size_t>(shape[i]);
  }
  std::vector<std::size_t> index(shape.size());
  std::size_t from = 0;
  for (std::size_t at = 0; at < out.size(); at += size) {
    std::memcpy(out.data() + at, source.data() + from * size, size);
    for (auto axis = shape.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < static_cast<std::size_t>(shape[axis])) break;
      from -= strides[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

Result<Tensor> readNpy(std::string name, const Bytes& file) {
  const auto text = file.text();
  if (!text.starts_with(kMagic) || text.size() < 12) return damaged(name, "it is no .npy file");
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(file.view()[at]); };
  const auto version = byte(6);
  if (version < 1 || version > 3) {
    return damaged(name, fmt::format("unknown .npy version {}", version));
  }
  std::size_t start = 10;
  auto length = byte(8) | byte(9) << 8;
  if (version > 1) {
    start = 12;
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > kMaxHeader || length > text.size() - start) {
    return damaged(name, "its header is cut off or too long");
  }
  const auto header = HeaderParser(text.substr(start, length)).parse();
  if (!header) return damaged(name, "its header can't be read");
  const auto type = typeOf(name, header->descr);
  if (!type) return std::unexpected(type.error());
  Tensor tensor{std::move(name), *type, *header->shape,
                file.slice(start + length, file.size() - start - length)};
  if (auto valid = tensor.validate(); !valid) return std::unexpected(valid.error());
  const auto size = elementSize(*type);
  if (*header->fortranOrder && tensor.shape.size() > 1) {
    tensor.data = Bytes::adopt(transposed(tensor.data.view(), tensor.shape, size));
  } else if (reinterpret_cast<std::uintptr_t>(tensor.data.data()) % size != 0) {
    tensor.data = Bytes::copyOf(tensor.data.view());
  }
  return tensor;
}

Result<std::string> npyHeader(const Tensor& tensor) {
  constexpr std::size_t kAlignment = 64;
  std::string_view kind;
  for (const auto& type : kTypes) {
    if (type.type == tensor.type) kind = type.name;
  }
  if (kind.empty()) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("tensor '{}' is {}, which NumPy has no type for", tensor.name,
                            dataTypeName(tensor.type)),
                "write it as JSON");
  }
  std::string shape;
  for (const auto size : tensor.shape) shape += fmt::format("{}, ", size);
  if (tensor.shape.size() > 1) shape.resize(shape.size() - 2);
  if (tensor.shape.size() == 1) shape.pop_back();
  auto text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                          elementSize(tensor.type) == 1 ? '|' : '<', kind, shape);
  const auto used = kMagic.size() + 4 + text.size() + 1;
  text.append((kAlignment - used % kAlignment) % kAlignment, ' ').push_back('\n');
  std::string header(kMagic);
  header.append(
      {'\x01', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)});
  return header + text;
}

}  // namespace webpool::onnx

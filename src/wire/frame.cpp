#include "wire/frame.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "wire/json_header.h"

static_assert(std::endian::native == std::endian::little,
              "tensors travel little-endian as they are");

namespace webpool::wire {
namespace {

namespace json = boost::json;

constexpr std::array<char, 4> kMagic{'W', 'P', 'F', '1'};
constexpr std::size_t kPrefix = 16;
constexpr std::array<std::byte, 8> kZeros{};

constexpr std::uint64_t align(std::uint64_t size) {
  return (size + 7) / 8 * 8;
}

json::array listing(std::span<const Tensor> tensors) {
  json::array list;
  list.reserve(tensors.size());
  for (const auto& tensor : tensors) {
    list.push_back({{"name", tensor.name},
                    {"datatype", dataTypeName(tensor.type)},
                    {"shape", json::array(tensor.shape.begin(), tensor.shape.end())},
                    {"parameters", {{"binary_data_size", tensor.data.size()}}}});
  }
  return list;
}

/// The rule of the protocol, stricter than elementCount's: every partial product must be exact in
/// JavaScript too.
std::optional<std::uint64_t> exactElementCount(const Shape& shape) {
  std::uint64_t count = 1;
  bool zero = false;
  for (const auto dimension : shape) {
    if (dimension < 0 || static_cast<std::uint64_t>(dimension) > kMaxInteger) return std::nullopt;
    if (dimension == 0) {
      zero = true;
    } else if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(dimension), &count) ||
               count > kMaxInteger) {
      return std::nullopt;
    }
  }
  return zero ? 0 : count;
}

Result<void> checkOutgoing(std::span<const Tensor> tensors, const Limits& limits) {
  for (const auto& tensor : tensors) {
    if (tensor.shape.size() > limits.maxRank || !exactElementCount(tensor.shape)) {
      return fail(ErrorCategory::InvalidInput, fmt::format("tensor '{}': impossible shape {}",
                                                           tensor.name, shapeText(tensor.shape)));
    }
    if (auto valid = tensor.validate(); !valid) return valid;
  }
  return {};
}

/// A size in JSON: an integer, or a number without a fraction, from 0 to 2^53 - 1.
std::optional<std::uint64_t> readSize(const json::value& value) {
  if (const auto* number = value.if_int64()) {
    if (*number < 0 || static_cast<std::uint64_t>(*number) > kMaxInteger) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
  }
  if (const auto* number = value.if_double()) {
    if (!(*number >= 0) || *number > static_cast<double>(kMaxInteger)) return std::nullopt;
    if (std::trunc(*number) != *number) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
  }
  return std::nullopt;  // an unsigned one is above 2^63
}

/// Cuts the tensors out of the data, one after the other.
class TensorReader {
 public:
  TensorReader(Bytes data, const Limits& limits) : data_(std::move(data)), limits_(limits) {}

  Result<std::vector<Tensor>> list(const json::object& header, std::string_view key);
  Result<void> finish() const;

 private:
  Result<Tensor> tensor(const json::object& entry, const json::value& size);
  Result<Shape> shape(const json::object& entry, std::string_view name) const;

  Bytes data_;
  const Limits& limits_;
  std::size_t end_ = 0;  ///< after the last tensor
  std::size_t count_ = 0;
};

std::unexpected<Error> badTensor(std::string_view name, std::string_view what) {
  return std::unexpected(fault("bad_tensor", fmt::format("tensor '{}': {}", name, what)));
}

Result<std::vector<Tensor>> TensorReader::list(const json::object& header, std::string_view key) {
  std::vector<Tensor> tensors;
  const auto* listed = header.if_contains(key);
  if (!listed) return tensors;
  if (!listed->is_array()) {
    return std::unexpected(fault("bad_tensor", fmt::format("'{}' is no list", key)));
  }
  for (const auto& item : listed->get_array()) {
    const auto* entry = item.if_object();
    if (!entry) {
      return std::unexpected(
          fault("bad_tensor", fmt::format("an entry of '{}' is no object", key)));
    }
    const auto* parameters = entry->if_contains("parameters");
    if (!parameters) continue;
    if (!parameters->is_object()) {
      return std::unexpected(
          fault("bad_tensor", fmt::format("'parameters' in '{}' is no object", key)));
    }
    const auto* size = parameters->get_object().if_contains("binary_data_size");
    if (!size) continue;
    if (++count_ > limits_.maxTensors) {
      return std::unexpected(
          fault("too_many_tensors", fmt::format("more than {}", limits_.maxTensors)));
    }
    auto read = tensor(*entry, *size);
    if (!read) return std::unexpected(std::move(read.error()));
    tensors.push_back(std::move(*read));
  }
  return tensors;
}

Result<Shape> TensorReader::shape(const json::object& entry, std::string_view name) const {
  const auto* value = entry.if_contains("shape");
  if (!value || !value->is_array()) return badTensor(name, "shape is no list");
  const auto& dimensions = value->get_array();
  if (dimensions.size() > limits_.maxRank) {
    return badTensor(name, fmt::format("more than {} dimensions", limits_.maxRank));
  }
  Shape shape;
  shape.reserve(dimensions.size());
  for (const auto& dimension : dimensions) {
    const auto size = readSize(dimension);
    if (!size) return badTensor(name, "a dimension is no size");
    shape.push_back(static_cast<std::int64_t>(*size));
  }
  return shape;
}

Result<Tensor> TensorReader::tensor(const json::object& entry, const json::value& sizeValue) {
  const auto* nameValue = entry.if_contains("name");
  if (!nameValue || !nameValue->is_string()) {
    return std::unexpected(fault("bad_tensor", "a tensor has no name"));
  }
  const std::string_view name = nameValue->get_string();
  if (name.size() > kMaxTextBytes) {
    return badTensor(name.substr(0, 0), fmt::format("a name longer than {} bytes", kMaxTextBytes));
  }
  const auto* typeValue = entry.if_contains("datatype");
  const auto type = typeValue && typeValue->is_string()
                        ? dataTypeFromName(std::string_view(typeValue->get_string()))
                        : std::nullopt;
  if (!type) return badTensor(name, "unknown datatype");
  auto dimensions = shape(entry, name);
  if (!dimensions) return std::unexpected(std::move(dimensions.error()));
  const auto size = readSize(sizeValue);
  if (!size) return badTensor(name, "binary_data_size is no size");

  const auto begin = align(end_);
  if (begin > data_.size() || *size > data_.size() - begin) {
    return std::unexpected(
        fault("data_mismatch", fmt::format("tensor '{}' ends after the data", name)));
  }
  const auto gap = data_.view().subspan(end_, begin - end_);
  if (std::ranges::any_of(gap, [](std::byte b) { return b != std::byte{0}; })) {
    return std::unexpected(fault("nonzero_padding", fmt::format("before tensor '{}'", name)));
  }
  if (!exactElementCount(*dimensions)) return badTensor(name, "impossible shape");
  Tensor tensor{std::string(name), *type, std::move(*dimensions), data_.slice(begin, *size)};
  if (auto valid = tensor.validate(); !valid) {
    return std::unexpected(fault("bad_tensor", valid.error().message));
  }
  end_ = begin + *size;
  return tensor;
}

Result<void> TensorReader::finish() const {
  if (end_ == data_.size()) return {};
  return std::unexpected(
      fault("data_mismatch",
            fmt::format("the tensors end at {}, the data has {} bytes", end_, data_.size())));
}

}  // namespace

Result<std::vector<Bytes>> encodeFrame(json::object header, std::span<const Tensor> inputs,
                                       std::span<const Tensor> outputs, const Limits& limits) {
  if (inputs.size() + outputs.size() > limits.maxTensors) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} tensors in one message, at most {} are possible",
                            inputs.size() + outputs.size(), limits.maxTensors));
  }
  for (const auto list : {inputs, outputs}) {
    if (auto valid = checkOutgoing(list, limits); !valid) return std::unexpected(valid.error());
  }
  if (!inputs.empty()) header["inputs"] = listing(inputs);
  if (!outputs.empty()) header["outputs"] = listing(outputs);
  auto text = serializeHeader(header);
  if (!text) return std::unexpected(std::move(text.error()));
  const auto headerSize = align(text->size());

  std::vector<Bytes> pieces(1);
  std::uint64_t dataSize = 0;
  for (const auto list : {inputs, outputs}) {
    for (const auto& tensor : list) {
      if (const auto gap = align(dataSize) - dataSize; gap > 0) {
        pieces.emplace_back(nullptr, std::span(kZeros).first(gap));
        dataSize += gap;
      }
      if (!tensor.data.empty()) pieces.push_back(tensor.data);
      dataSize += tensor.data.size();
    }
  }
  if (headerSize > limits.maxHeader || kPrefix + headerSize + dataSize > limits.maxFrame) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("a message of {} bytes (header {}) is too large; at most {} (header {})",
                    kPrefix + headerSize + dataSize, headerSize, limits.maxFrame, limits.maxHeader),
        "send less at once");
  }

  std::string head;
  head.reserve(kPrefix + headerSize);
  head.append(kMagic.data(), kMagic.size());
  const auto headerSize32 = static_cast<std::uint32_t>(headerSize);
  head.append(reinterpret_cast<const char*>(&headerSize32), sizeof(headerSize32));
  head.append(reinterpret_cast<const char*>(&dataSize), sizeof(dataSize));
  head.append(*text);
  head.append(headerSize - text->size(), ' ');
  pieces.front() = Bytes::adopt(std::move(head));
  return pieces;
}

Result<Frame> decodeFrame(const Bytes& source, const Limits& limits) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(source.data()) % 8 == 0;
  const auto bytes = aligned ? source : Bytes::copyOf(source.view());
  if (bytes.size() < kPrefix) {
    return std::unexpected(fault("short_frame", fmt::format("{} bytes", bytes.size())));
  }
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return std::unexpected(fault("bad_magic", "the frame does not begin with WPF1"));
  }
  std::uint32_t headerSize = 0;
  std::uint64_t dataSize = 0;
  std::memcpy(&headerSize, bytes.data() + 4, sizeof(headerSize));
  std::memcpy(&dataSize, bytes.data() + 8, sizeof(dataSize));
  if (headerSize > limits.maxHeader) {
    return std::unexpected(fault(
        "header_too_large", fmt::format("{} bytes, at most {}", headerSize, limits.maxHeader)));
  }
  if (headerSize % 8 != 0) {
    return std::unexpected(
        fault("header_alignment", fmt::format("{} is no multiple of 8", headerSize)));
  }
  const std::uint64_t head = kPrefix + headerSize;
  if (head > limits.maxFrame || dataSize > limits.maxFrame - head) {
    return std::unexpected(
        fault("frame_too_large",
              fmt::format("{} bytes of data, at most {} in all", dataSize, limits.maxFrame)));
  }
  if (head + dataSize != bytes.size()) {
    return std::unexpected(fault("length_mismatch", fmt::format("{} bytes announced, {} came",
                                                                head + dataSize, bytes.size())));
  }
  auto header = parseHeader(bytes.slice(kPrefix, headerSize).text(), limits);
  if (!header) return std::unexpected(std::move(header.error()));

  TensorReader reader(bytes.slice(head, dataSize), limits);
  auto inputs = reader.list(*header, "inputs");
  if (!inputs) return std::unexpected(std::move(inputs.error()));
  auto outputs = reader.list(*header, "outputs");
  if (!outputs) return std::unexpected(std::move(outputs.error()));
  if (auto finished = reader.finish(); !finished) {
    return std::unexpected(std::move(finished.error()));
  }
  return Frame{std::move(*header), std::move(*inputs), std::move(*outputs)};
}

std::uint64_t frameSize(std::span<const Bytes> pieces) noexcept {
  std::uint64_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  return size;
}

Bytes joinFrame(std::span<const Bytes> pieces) {
  std::vector<std::byte> joined;
  joined.reserve(frameSize(pieces));
  for (const auto& piece : pieces) {
    joined.insert(joined.end(), piece.view().begin(), piece.view().end());
  }
  return Bytes::adopt(std::move(joined));
}

}  // namespace webpool::wire

#include "pool/seeded_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "onnx/half.h"

namespace webpool::pool {
namespace {

constexpr std::uint64_t kMostElements = 4 << 20;

struct Sizes {
  std::int64_t tokens;
  std::int64_t past;  ///< tokens that a decoder has seen before
  std::int64_t picture;
  std::int64_t samples;
};

constexpr Sizes sizesOf(SeededSize size) {
  return size == SeededSize::Small ? Sizes{8, 4, 64, 512} : Sizes{40, 36, 96, 1024};
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool hasAny(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [&](auto part) { return text.contains(part); });
}

bool isOne(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

bool isFloat(DataType type) {
  return type == DataType::Fp16 || type == DataType::Bf16 || type == DataType::Fp32 ||
         type == DataType::Fp64;
}

/// [layers, batch, hidden] of a recurrent model.
bool isState(std::string_view inputName) {
  const auto name = lower(inputName);
  return hasAny(name, {"state", "hidden"}) || isOne(name, {"h", "c", "h0", "c0"});
}

/// The free dimensions of one set of inputs.
class Dimensions {
 public:
  explicit Dimensions(const Sizes& sizes) : sizes_(sizes) {}

  Shape shapeOf(const onnx::Port& port) {
    Shape shape = port.shape;
    std::map<std::string_view, std::size_t> seen;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] >= 0) continue;
      const auto& symbol = port.symbols[axis];
      if (symbol.empty()) {
        shape[axis] = byPlace(port, axis);
        continue;
      }
      // Careless exporters write [batch, batch] for [batch, length].
      const auto time = seen[symbol]++;
      const auto [known, isNew] = known_.try_emplace({symbol, time}, 0);
      if (isNew) {
        const auto byItsName = time == 0 ? byName(symbol) : 0;
        known->second = byItsName > 0 ? byItsName : byPlace(port, axis);
      }
      shape[axis] = known->second;
    }
    return shape;
  }

 private:
  /// 0 where the name says nothing.
  std::int64_t byName(std::string_view symbol) const {
    if (const auto plus = symbol.find('+'); plus != std::string_view::npos) {
      const auto left = byName(symbol.substr(0, plus));
      const auto right = byName(symbol.substr(plus + 1));
      return left > 0 && right > 0 ? left + right : 0;
    }
    auto name = lower(symbol);
    std::erase(name, ' ');
    std::int64_t number = 0;
    const auto* end = name.data() + name.size();
    if (std::from_chars(name.data(), end, number).ptr == end && number > 0) return number;
    if (hasAny(name, {"batch", "beam"}) || isOne(name, {"b", "n", "bs"})) return 1;
    if (hasAny(name, {"total"})) return sizes_.past + sizes_.tokens;
    if (hasAny(name, {"past"})) return sizes_.past;
    if (hasAny(name, {"channel"}) || isOne(name, {"c"})) return 3;
    if (hasAny(name, {"height", "width"}) || isOne(name, {"h", "w"})) return sizes_.picture;
    if (hasAny(name, {"sample", "audio", "frame", "time", "wave"})) return sizes_.samples;
    if (hasAny(name, {"seq", "len", "token", "text", "word"})) return sizes_.tokens;
    return 0;
  }

  std::int64_t byPlace(const onnx::Port& port, std::size_t axis) const {
    const auto rank = port.shape.size();
    if (axis == 0 && rank != 1) return 1;
    if (axis == 1 && rank == 3 && isState(port.name)) return 1;
    const bool values = isFloat(port.type) || port.type == DataType::Uint8;
    if (values && rank == 4) {
      const bool channelsLast = port.shape[3] > 0 && port.shape[3] <= 4;
      return axis == 1 && !channelsLast ? 3 : sizes_.picture;
    }
    if (values && rank == 2) return sizes_.samples;
    return sizes_.tokens;
  }

  Sizes sizes_;
  std::map<std::pair<std::string, std::size_t>, std::int64_t> known_;
};

enum class Fill { Noise, Bits, Zeros, Ones, Positions, Rate, Picture };

Fill fillOf(const onnx::Port& port) {
  const auto name = lower(port.name);
  const bool narrow = port.type == DataType::Bool || elementSize(port.type) == 1;
  if (hasAny(name, {"mask"})) return Fill::Ones;
  if (!narrow && (isOne(name, {"sr"}) || hasAny(name, {"sample_rate", "samplerate", "sampling"}))) {
    return Fill::Rate;
  }
  const bool isLength = hasAny(name, {"length", "_len", "num_", "size", "steps"});
  if (isLength) return Fill::Ones;
  if (isFloat(port.type)) return Fill::Noise;
  if (hasAny(name, {"token_type", "segment"})) return Fill::Zeros;
  if (!narrow && hasAny(name, {"position"})) return Fill::Positions;
  if (port.type == DataType::Uint8 && port.shape.size() >= 3) return Fill::Picture;
  return Fill::Bits;
}

/// A sum of four evenly spread numbers, moved to the middle: nearly a bell, and exact in a float.
double noise(std::uint64_t bits) {
  constexpr double kUnit = 1.0 / (1 << 16);
  double sum = 0;
  for (int i = 0; i < 4; ++i) sum += static_cast<double>((bits >> (16 * i)) & 0xffff) * kUnit;
  return sum - 2;
}

double valueOf(Fill fill, std::uint64_t bits, std::int64_t position) {
  switch (fill) {
    case Fill::Noise:
      return noise(bits);
    case Fill::Bits:
      return static_cast<double>(bits >> 63);
    case Fill::Zeros:
      return 0;
    case Fill::Ones:
      return 1;
    case Fill::Positions:
      return static_cast<double>(position);
    case Fill::Rate:
      return 16000;
    case Fill::Picture:
      return static_cast<double>(bits >> 56);
  }
  return 0;
}

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

void putAs(DataType type, double value, std::byte* at) {
  switch (type) {
    case DataType::Fp16:
      return put(at, onnx::toHalf(value));
    case DataType::Bf16:
      return put(at, onnx::toBfloat16(static_cast<float>(value)));
    case DataType::Fp32:
      return put(at, static_cast<float>(value));
    case DataType::Fp64:
      return put(at, value);
    default: {
      // Never negative, and small: the low bytes are the number in every integer type.
      const auto integer = static_cast<std::uint64_t>(value);
      std::memcpy(at, &integer, elementSize(type));
    }
  }
}

}  // namespace

bool hasFixedShapes(std::span<const onnx::Port> ports) {
  return std::ranges::all_of(ports, [](const auto& port) {
    return port.rankKnown && std::ranges::all_of(port.shape, [](auto size) { return size >= 0; });
  });
}

Result<std::vector<Tensor>> seededInputs(std::span<const onnx::Port> ports, std::uint64_t seed,
                                         SeededSize size) {
  // The standard says which numbers this generator gives.
  std::mt19937_64 random(seed);
  Dimensions dimensions(sizesOf(size));
  std::vector<Tensor> tensors;
  std::uint64_t elements = 0;
  for (const auto& port : ports) {
    if (port.type == DataType::Bytes || !port.rankKnown) {
      return fail(ErrorCategory::Unsupported,
                  fmt::format("the input '{}' {}", port.name,
                              port.rankKnown ? "is text" : "states no shape"));
    }
    auto shape = dimensions.shapeOf(port);
    const auto count = elementCount(shape);
    if (!count || *count > kMostElements || (elements += *count) > kMostElements) {
      return fail(ErrorCategory::Unsupported, fmt::format("the input '{}' of shape {} is too large",
                                                          port.name, shapeText(shape)));
    }
    const auto fill = fillOf(port);
    const auto width = elementSize(port.type);
    const auto row = shape.empty() ? 1 : std::max<std::int64_t>(shape.back(), 1);
    std::vector<std::byte> bytes(*count * width);
    for (std::uint64_t i = 0; i < *count; ++i) {
      const auto position = static_cast<std::int64_t>(i) % row;
      putAs(port.type, valueOf(fill, random(), position), bytes.data() + i * width);
    }
    tensors.push_back({port.name, port.type, std::move(shape), Bytes::adopt(std::move(bytes))});
  }
  return tensors;
}

}  // namespace webpool::pool

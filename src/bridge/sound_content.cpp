#include "bridge/sound_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "onnx/half.h"

namespace webpool::bridge {
namespace {

constexpr std::int64_t kMostChannels = 8;

/// Where the samples of a channel lie, counted in samples.
struct Layout {
  std::size_t channels = 1;
  std::size_t frames = 0;
  std::size_t toNextFrame = 1;
  std::size_t toNextChannel = 0;
};

/// nullopt where the shape does not tell.
std::optional<Layout> layoutOf(const Shape& shape) {
  if (shape.size() == 1) return Layout{.frames = std::size_t(shape[0])};
  if (shape.size() != 2) return std::nullopt;
  const auto rows = std::size_t(shape[0]);
  const auto columns = std::size_t(shape[1]);
  const auto [fewer, more] = std::minmax(shape[0], shape[1]);
  if (fewer > kMostChannels || (fewer == more && more > 1)) return std::nullopt;
  if (columns <= rows) return Layout{columns, rows, columns, 1};
  return Layout{rows, columns, 1, columns};
}

template <class T, class Value>
std::vector<float> mixed(const Tensor& samples, const Layout& layout, Value value) {
  const auto all = samples.as<T>();
  std::vector<float> mono;
  mono.reserve(layout.frames);
  for (std::size_t frame = 0; frame < layout.frames; ++frame) {
    float sum = 0;
    for (std::size_t channel = 0; channel < layout.channels; ++channel) {
      sum += value(all[frame * layout.toNextFrame + channel * layout.toNextChannel]);
    }
    mono.push_back(sum / static_cast<float>(layout.channels));
  }
  return mono;
}

/// nullopt for a type that no samples have.
std::optional<std::vector<float>> mixed(const Tensor& samples, const Layout& layout) {
  switch (samples.type) {
    case DataType::Fp32:
      return mixed<float>(samples, layout, std::identity());
    case DataType::Fp64:
      return mixed<double>(samples, layout, [](double value) { return float(value); });
    case DataType::Fp16:
      return mixed<std::uint16_t>(samples, layout, onnx::fromHalf);
    case DataType::Bf16:
      return mixed<std::uint16_t>(samples, layout, onnx::fromBfloat16);
    case DataType::Int16:
      return mixed<std::int16_t>(samples, layout,
                                 [](std::int16_t value) { return float(value) * 0x1p-15F; });
    case DataType::Int32:
      return mixed<std::int32_t>(samples, layout,
                                 [](std::int32_t value) { return float(value) * 0x1p-31F; });
    case DataType::Uint8:
      return mixed<std::uint8_t>(samples, layout,
                                 [](std::uint8_t value) { return (float(value) - 128) * 0x1p-7F; });
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<Sound> soundFrom(const Tensor& samples, unsigned rate) {
  if (auto valid = samples.validate(); !valid) return std::unexpected(valid.error());
  // Of none there is nothing to tell apart.
  if (samples.data.empty()) return Sound{.rate = rate, .samples = {}};
  const auto layout = layoutOf(samples.shape);
  if (!layout) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("{} are no samples of a sound", shapeText(samples.shape)),
                fmt::format("give one dimension, or samples and up to {} channels, which are to be "
                            "the fewer",
                            kMostChannels));
  }
  auto mono = mixed(samples, *layout);
  if (!mono) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("samples of a sound are no {}", dataTypeName(samples.type)),
                "give them as FP32 or FP64 from -1 to 1, FP16, INT16, INT32 or UINT8");
  }
  return Sound{.rate = rate, .samples = std::move(*mono)};
}

}  // namespace webpool::bridge

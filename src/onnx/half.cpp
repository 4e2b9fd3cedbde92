#include "onnx/half.h"

#include <bit>

namespace webpool::onnx {

std::uint16_t toHalf(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 48) & 0x8000);
  const auto exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1023;
  auto mantissa = bits & ((1ull << 52) - 1);
  if (exponent == 1024) {
    if (mantissa == 0) return static_cast<std::uint16_t>(sign | 0x7c00);
    return static_cast<std::uint16_t>(sign | 0x7e00 | (mantissa >> 42));
  }
  if (exponent > 15) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (exponent < -25) return sign;
  // Below 2^-14 the half has no implicit leading one: it is written out and shifted further.
  const bool subnormal = exponent < -14;
  const int shift = subnormal ? 42 + (-14 - exponent) : 42;
  if (subnormal) mantissa |= 1ull << 52;
  auto half =
      (mantissa >> shift) + (subnormal ? 0 : static_cast<std::uint64_t>(exponent + 15) << 10);
  const auto rest = mantissa & ((1ull << shift) - 1);
  const auto middle = 1ull << (shift - 1);
  // A carry out of the mantissa raises the exponent, up to infinity: that is the right rounding.
  if (rest > middle || (rest == middle && (half & 1) != 0)) ++half;
  return static_cast<std::uint16_t>(sign | half);
}

float fromHalf(std::uint16_t bits) noexcept {
  const auto sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const auto exponent = (bits >> 10) & 0x1f;
  const auto mantissa = static_cast<std::uint32_t>(bits & 0x3ff);
  if (exponent == 0) {
    const auto magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const auto wide = exponent == 0x1f ? 0xffu : static_cast<std::uint32_t>(exponent) + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

std::uint16_t toBfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float fromBfloat16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace webpool::onnx

// 16-bit floating point, converted with round to nearest, ties to even; NaN stays NaN.
#pragma once

#include <cstdint>

namespace webpool::onnx {

/// IEEE 754 binary16. Values from 65520 on become infinity; every float converts without double
/// rounding, since a float is a double.
std::uint16_t toHalf(double value) noexcept;
float fromHalf(std::uint16_t bits) noexcept;

/// bfloat16: the upper half of a float.
std::uint16_t toBfloat16(float value) noexcept;
float fromBfloat16(std::uint16_t bits) noexcept;

}  // namespace webpool::onnx

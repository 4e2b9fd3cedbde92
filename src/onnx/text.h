// Small helpers for names that come from files.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace webpool::onnx {

/// True for well-formed UTF-8 (no overlong forms, no surrogates).
bool isUtf8(std::string_view text) noexcept;

/// The name of the list that is fewest edits away from `name`; empty when none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> names);

}  // namespace webpool::onnx

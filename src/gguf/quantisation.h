// The tensor and file types of GGUF files: numbers, names and sizes as the published format has
// them (versions 2 and 3, as llama.cpp writes them).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace webpool::gguf {

/// A tensor's type: rows are made of blocks of so many elements and bytes.
struct TensorType {
  std::string_view name;  ///< "q4_1", "fp32"
  std::uint32_t blockElements = 1;
  std::uint32_t blockBytes = 0;
};

/// nullptr for a number that is none.
const TensorType* tensorType(std::uint32_t number) noexcept;

/// The name of `general.file_type`: "q4_1", "q4_k_m", "fp16"; empty for a number that is none.
std::string_view fileTypeName(std::uint64_t number) noexcept;

/// A file's name in its parts: "SmolLM2.Q4_1.gguf" is "SmolLM2" in "q4_1".
struct FileName {
  std::string_view stem;   ///< without quantisation, part number and ending
  std::string_view dtype;  ///< "gguf" where the name tells none
};

/// Of the last component of a path; none where it does not end in ".gguf".
std::optional<FileName> partsOfName(std::string_view name) noexcept;

}  // namespace webpool::gguf

// What a GGUF model will take of a browser's memory, estimated from its header before it is placed.
#pragma once

#include <cstdint>

#include "gguf/model.h"

namespace webpool::gguf {

struct MemoryEstimate {
  std::uint64_t peakBytes = 0;      ///< the most, while it is loaded
  std::uint64_t residentBytes = 0;  ///< once it is loaded
};

/// Bytes of the cache of keys and values (fp16) for so many tokens.
std::uint64_t cacheBytes(const ModelInfo& model, std::uint64_t context) noexcept;

/// Weights (`fileBytes`), the cache for `context` tokens, and what the runtime takes. Sums that
/// pass 2^64 − 1 stay there.
MemoryEstimate estimateMemory(const ModelInfo& model, std::uint64_t fileBytes,
                              std::uint64_t context) noexcept;

}  // namespace webpool::gguf

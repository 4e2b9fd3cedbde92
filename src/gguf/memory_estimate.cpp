#include "gguf/memory_estimate.h"

#include <limits>

namespace webpool::gguf {
namespace {

constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kHalf = 2;  // bytes of an element of the cache
/// A Worker with llama.cpp in it, ONNX Runtime beside it, and the buffers between layers.
constexpr std::uint64_t kRuntime = 192ull << 20;

std::uint64_t times(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? kMost : result;
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? kMost : result;
}

}  // namespace

std::uint64_t cacheBytes(const ModelInfo& model, std::uint64_t context) noexcept {
  const auto perHead = plus(model.keyLength, model.valueLength);
  const auto perToken = times(times(model.blockCount, model.headCountKv), times(perHead, kHalf));
  return times(perToken, context);
}

MemoryEstimate estimateMemory(const ModelInfo& model, std::uint64_t fileBytes,
                              std::uint64_t context) noexcept {
  const auto resident = plus(plus(fileBytes, cacheBytes(model, context)), kRuntime);
  // While it is loaded, the file's bytes are there besides.
  return {plus(resident, fileBytes), resident};
}

}  // namespace webpool::gguf

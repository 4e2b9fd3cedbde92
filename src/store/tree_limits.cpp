#include "store/tree_limits.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace webpool::store {
namespace {

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  return b != 0 && a > kMost / b ? kMost : a * b;
}

}  // namespace

void TreeSize::add(const TreeSize& below, std::size_t nameBytes) noexcept {
  entries = sum(entries, below.entries);
  files = sum(files, below.files);
  bytes = sum(bytes, below.bytes);
  pathBytes = sum(pathBytes, sum(below.pathBytes, product(below.entries, nameBytes + 1)));
  depth = std::max(depth, below.depth + 1);
}

bool TreeSize::isTooMuch() const noexcept {
  return entries > kMostEntries || pathBytes > kMostPathBytes || depth > kMostLevels;
}

std::unexpected<Error> treeTooLarge() {
  return fail(
      ErrorCategory::Unsupported,
      fmt::format("the folder is deeper than {} levels, or has over {} entries, or paths of "
                  "over {} MiB together",
                  kMostLevels, kMostEntries, kMostPathBytes >> 20),
      "give the CID of a folder below it");
}

}  // namespace webpool::store

#include "store/leaf_check.h"

#include <fmt/format.h>

#include "cid/tree.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

// Files that are remembered; beyond, they are forgotten and hashed again.
constexpr std::size_t kMostFiles = 1u << 16;

}  // namespace

bool LeafCheck::isHashed(std::int64_t file, const FileState& state, std::size_t leaf) {
  const std::scoped_lock lock(mutex_);
  const auto found = hashed_.find(file);
  return found != hashed_.end() && found->second.state == state &&
         leaf < found->second.leaves.size() && found->second.leaves[leaf];
}

void LeafCheck::setHashed(std::int64_t file, const FileState& state, std::size_t leaf) {
  const std::scoped_lock lock(mutex_);
  if (hashed_.size() >= kMostFiles && !hashed_.contains(file)) hashed_.clear();
  auto& hashed = hashed_[file];
  if (hashed.state != state) hashed = {state, {}};
  if (hashed.leaves.size() <= leaf) hashed.leaves.resize(leaf + 1);
  hashed.leaves[leaf] = true;
}

Result<void> LeafCheck::check(const RegionRow& region, const cid::Cid& leaf,
                              const base::FileDescriptor& file, const std::filesystem::path& path) {
  const auto state = stateOf(file.get(), path);
  if (!state) return std::unexpected(state.error());
  const auto number = static_cast<std::size_t>(region.offset / cid::kLeafSize);
  if (isHashed(region.file.id, *state, number)) return {};
  std::vector<std::byte> bytes(static_cast<std::size_t>(region.length));
  const auto filled = readAt(file.get(), bytes, region.offset, path);
  if (!filled) return std::unexpected(filled.error());
  if (*filled == bytes.size() && leaf.matches(bytes)) {
    setHashed(region.file.id, *state, number);
    return {};
  }
  noteDamage(region.file);
  return fail(ErrorCategory::Integrity,
              fmt::format("the stored file {} ({}) does not match its hash in the 1 MiB leaf {}",
                          path.native(), region.file.root.text(), number),
              kDamageHint);
}

void LeafCheck::noteDamage(const FileRow& file) {
  (void)writer_.markDamaged(file);
}

}  // namespace webpool::store

// Symbolic links as UnixFS nodes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace webpool::store {

/// The dag-pb block of a link to `target`.
std::string encodeSymlink(std::string_view target);

/// Where the link leads; none where the block is no symbolic link.
std::optional<std::string> symlinkTarget(std::span<const std::byte> block);

}  // namespace webpool::store

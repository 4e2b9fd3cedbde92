// Files that appear under their name whole or not at all.
#pragma once

#include <filesystem>

#include "webpool/error.h"

namespace webpool::store {

/// rename(2) that replaces nothing: an error where `to` is there already.
Result<void> renameToNew(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace webpool::store

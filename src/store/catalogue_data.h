// The JSON files of catalogue/, compiled into the program (the build generates the definition).
#pragma once

#include <span>
#include <string_view>

namespace webpool::store {

std::span<const std::string_view> catalogueData();

}  // namespace webpool::store

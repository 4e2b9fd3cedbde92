// What `webpool serve` tells a person when programs may call it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace webpool::cli {

struct NamedTask {
  std::string model;
  std::string task;  ///< empty: not known
};

/// In 80 columns, but for names that are longer. `token`: what a shell puts in its place, empty
/// where none is needed.
std::string greeting(const std::string& origin, const std::vector<NamedTask>& models,
                     std::string_view token);

}  // namespace webpool::cli

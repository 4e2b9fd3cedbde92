// How far the pool trusts what a connection answers: docs/joining.md says what each may get.
#pragma once

#include <string_view>

namespace webpool::pool {

enum class Trust {
  Launched,  ///< a browser that this pool started itself on this machine
  Joined,    ///< a device of somebody who opened the link; its answers are its word only
};

/// "launched" or "joined"
constexpr std::string_view trustName(Trust trust) noexcept {
  return trust == Trust::Joined ? "joined" : "launched";
}

}  // namespace webpool::pool

#include "browsers/browser_kind.h"

namespace webpool::browsers {

std::span<const BrowserKind* const> browserKinds() {
  static const BrowserKind* const kKinds[] = {&chromiumKind()};
  return kKinds;
}

const BrowserKind* browserKind(std::string_view name) {
  for (const auto* kind : browserKinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

}  // namespace webpool::browsers

#include <cctype>

#include "browsers/browser_kind.h"

namespace webpool::browsers {

std::span<const BrowserKind* const> browserKinds() {
  static const BrowserKind* const kKinds[] = {&chromiumKind(),      &chromeKind(),  &edgeKind(),
                                              &chromiumWebNnKind(), &firefoxKind(), &webkitKind()};
  return kKinds;
}

const BrowserKind* browserKind(std::string_view name) {
  for (const auto* kind : browserKinds()) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

std::string pathVariable(const BrowserKind& kind) {
  std::string name = "WEBPOOL_";
  for (const char character : kind.name) {
    name += character == '-'
                ? '_'
                : static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  }
  return name;
}

MachineFacts inspectMachineFor(const Environment& environment, const Browser& browser) {
  const auto* kind = browserKind(browser.name);
  return inspectMachine(environment, browser.path,
                        kind == nullptr ? SandboxRule::Chromium : kind->sandbox);
}

}  // namespace webpool::browsers

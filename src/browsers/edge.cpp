// Microsoft Edge: Chromium with another brand. Microsoft offers packages for Debian, Debian has
// none.
#include "browsers/browser_kind.h"
#include "browsers/chromium_family.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 3> kCommands{"microsoft-edge", "microsoft-edge-stable",
                                                    "msedge"};
constexpr std::array<std::string_view, 1> kPlaces{"/opt/microsoft/msedge/msedge"};
constexpr std::array<std::string_view, 1> kRealNames{"msedge"};
constexpr std::array<std::string_view, 1> kTitles{"Microsoft Edge "};

}  // namespace

const BrowserKind& edgeKind() {
  static const BrowserKind kKind{
      .name = "edge",
      .engine = "chromium",
      .installHint =
          "install Microsoft Edge, or name one with --browser-path edge=PATH "
          "or WEBPOOL_EDGE=PATH",
      .commands = kCommands,
      .places = kPlaces,
      .realNames = kRealNames,
      .titles = kTitles,
      .minimumVersion = kChromiumMinimum,
      .minimumReason = kChromiumMinimumReason,
      .staleFiles = kChromiumStaleFiles,
      .logNoise = kChromiumLogNoise,
      .profileFlag = kChromiumProfileFlag,
      .arguments = chromiumAppArguments,
      .environment = chromiumEnvironment,
  };
  return kKind;
}

}  // namespace webpool::browsers

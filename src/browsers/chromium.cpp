// Chromium: Debian's package, and any other build that calls itself Chromium or Chrome.
#include "browsers/browser_kind.h"
#include "browsers/chromium_family.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 2> kCommands{"chromium", "chromium-browser"};
constexpr std::array<std::string_view, 3> kPlaces{"/usr/lib/chromium/chromium",
                                                  "/usr/lib64/chromium-browser/chromium-browser",
                                                  "/opt/chromium/chrome"};
constexpr std::array<std::string_view, 3> kRealNames{"chromium", "chrome", "chromium-browser"};
constexpr std::array<std::string_view, 2> kTitles{"Chromium ", "Google Chrome "};

}  // namespace

const BrowserKind& chromiumKind() {
  static const BrowserKind kKind{
      .name = "chromium",
      .engine = "chromium",
      .installHint =
          "apt install chromium, or name one with --browser-path chromium=PATH "
          "or WEBPOOL_CHROMIUM=PATH",
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

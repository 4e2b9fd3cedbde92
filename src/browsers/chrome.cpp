// Google Chrome: Chromium with another brand. Google offers packages for Debian, Debian has none.
#include "browsers/browser_kind.h"
#include "browsers/chromium_family.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 2> kCommands{"google-chrome", "google-chrome-stable"};
constexpr std::array<std::string_view, 1> kPlaces{"/opt/google/chrome/chrome"};
constexpr std::array<std::string_view, 1> kRealNames{"chrome"};
constexpr std::array<std::string_view, 1> kTitles{"Google Chrome "};

}  // namespace

const BrowserKind& chromeKind() {
  static const BrowserKind kKind{
      .name = "chrome",
      .engine = "chromium",
      .installHint =
          "install Google Chrome, or name one with --browser-path chrome=PATH "
          "or WEBPOOL_CHROME=PATH",
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

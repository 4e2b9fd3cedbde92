// A Chromium that was built with WebNN, which Debian's is not. Most are headless shells, such as
// the one in the npm package @sparticuz/chromium: no window, and no --app.
#include "browsers/browser_kind.h"
#include "browsers/chromium_family.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 1> kCommands{"chromium-webnn"};
constexpr std::array<std::string_view, 3> kTitles{"Chromium ", "Google Chrome ", "HeadlessChrome "};

std::vector<std::string> webNnArguments(const LaunchOptions& options) {
  auto arguments = chromiumArguments(options, "WebMachineLearningNeuralNetwork");
  arguments.push_back(options.url);
  return arguments;
}

}  // namespace

const BrowserKind& chromiumWebNnKind() {
  static const BrowserKind kKind{
      .name = "chromium-webnn",
      .engine = "chromium",
      .installHint =
          "name a Chromium that was built with WebNN by --browser-path "
          "chromium-webnn=PATH or WEBPOOL_CHROMIUM_WEBNN=PATH",
      .commands = kCommands,
      .places = {},
      .realNames = {},
      .titles = kTitles,
      .minimumVersion = kChromiumMinimum,
      .minimumReason = kChromiumMinimumReason,
      .staleFiles = kChromiumStaleFiles,
      .logNoise = kChromiumLogNoise,
      .profileFlag = kChromiumProfileFlag,
      .arguments = webNnArguments,
      .environment = chromiumEnvironment,
  };
  return kKind;
}

}  // namespace webpool::browsers

// Chromium: Debian's package, and any other build that calls itself Chromium or Chrome.
#include <array>

#include <fmt/format.h>

#include "browsers/browser_kind.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 2> kCommands{"chromium", "chromium-browser"};
constexpr std::array<std::string_view, 3> kPlaces{"/usr/lib/chromium/chromium",
                                                  "/usr/lib64/chromium-browser/chromium-browser",
                                                  "/opt/chromium/chrome"};
constexpr std::array<std::string_view, 3> kRealNames{"chromium", "chrome", "chromium-browser"};
constexpr std::array<std::string_view, 2> kTitles{"Chromium ", "Google Chrome "};
// They name the process that held the profile; the slot's lock says more.
constexpr std::array<std::string_view, 3> kStaleFiles{"SingletonLock", "SingletonCookie",
                                                      "SingletonSocket"};
constexpr std::array<std::string_view, 2> kLogNoise{":dbus/", "third_party/crashpad"};

// Nothing but the pool's page is wanted: no update, sync, report or first-run page, and a page that
// nobody looks at keeps its full speed.
constexpr std::string_view kFlags[] = {
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-breakpad",
    "--disable-quic",
    "--disable-search-engine-choice-screen",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--no-proxy-server",
    "--password-store=basic",
    "--disable-popup-blocking",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-hang-monitor",
    "--hide-crash-restore-bubble",
    "--enable-unsafe-webgpu",
};

constexpr std::string_view kDisabledFeatures =
    "NetworkTimeServiceQuerying,OptimizationHints,OptimizationGuideModelDownloading,"
    "OptimizationGuideOnDeviceModel,MediaRouter,DialMediaRouteProvider,Translate,"
    "CertificateTransparencyComponentUpdater,AutofillServerCommunication,"
    "SpareRendererForSitePerProcess";

// The machine code of WebAssembly is kept for the next start after each 100 kB of it; usually that
// happens after 1 MB or two quiet seconds, which a single run does not live to see.
constexpr std::string_view kJavaScriptFlags = "--wasm-caching-hard-threshold=100000";

std::string hostOf(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto colon = url.rfind(':'); colon != std::string_view::npos && !url.ends_with(']')) {
    url = url.substr(0, colon);
  }
  return std::string(url);
}

/// Every name but the page's resolves to nothing: whatever Chromium's services want to ask, no
/// packet leaves the machine.
std::string resolverRules(std::string_view url) {
  std::string rules = "MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost";
  const auto host = hostOf(url);
  if (!host.empty() && host != "127.0.0.1" && host != "localhost") {
    rules += fmt::format(",EXCLUDE {}", host);
  }
  return rules;
}

/// Chromium heeds only the last of several --enable-features: joins them.
class FeatureList {
 public:
  FeatureList(std::string_view flag, std::string_view features, char separator = ',')
      : flag_(flag), list_(features), separator_(separator) {}

  bool take(std::string_view argument) {
    if (!argument.starts_with(flag_)) return false;
    argument.remove_prefix(flag_.size());
    if (!list_.empty() && !argument.empty()) list_ += separator_;
    list_ += argument;
    return true;
  }

  void writeTo(std::vector<std::string>& arguments) const {
    if (!list_.empty()) arguments.push_back(std::string(flag_) + list_);
  }

 private:
  std::string flag_;
  std::string list_;
  char separator_;
};

std::vector<std::string> chromiumArguments(const LaunchOptions& options) {
  std::vector<std::string> arguments(std::begin(kFlags), std::end(kFlags));
  FeatureList enabled("--enable-features=", options.machine.gpu ? "Vulkan" : "");
  FeatureList disabled("--disable-features=", kDisabledFeatures);
  FeatureList javascript("--js-flags=", kJavaScriptFlags, ' ');
  if (options.headless) arguments.emplace_back("--headless=new");
  if (!options.machine.sandbox) arguments.emplace_back("--no-sandbox");
  if (options.machine.smallSharedMemory) arguments.emplace_back("--disable-dev-shm-usage");
  if (options.machine.gpu) {
    arguments.emplace_back("--use-angle=vulkan");
    arguments.emplace_back("--disable-vulkan-surface");
  }
  arguments.push_back(fmt::format("--host-resolver-rules={}", resolverRules(options.url)));
  arguments.push_back(fmt::format("--user-data-dir={}", options.folder.profile().native()));
  for (const auto& flag : options.extraFlags) {
    if (!enabled.take(flag) && !disabled.take(flag) && !javascript.take(flag)) {
      arguments.push_back(flag);
    }
  }
  enabled.writeTo(arguments);
  disabled.writeTo(arguments);
  javascript.writeTo(arguments);
  // A window without an address bar: what serves that one (two pages of its own in a renderer of
  // their own) would take half of the CPU time of a start.
  arguments.push_back("--app=" + options.url);
  return arguments;
}

}  // namespace

const BrowserKind& chromiumKind() {
  static const BrowserKind kKind{
      .name = "chromium",
      .engine = "chromium",
      .installHint = "apt install chromium, or name one with --browser-path chromium=PATH",
      .commands = kCommands,
      .places = kPlaces,
      .realNames = kRealNames,
      .titles = kTitles,
      .staleFiles = kStaleFiles,
      .logNoise = kLogNoise,
      .profileFlag = "--user-data-dir=",
      .arguments = chromiumArguments,
  };
  return kKind;
}

}  // namespace webpool::browsers

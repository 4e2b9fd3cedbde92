#include "browsers/chromium_family.h"

#include <fmt/format.h>

#include "browsers/page_host.h"

namespace webpool::browsers {
namespace {

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
    // Pages that give each other model files, where there is no other network.
    "--allow-loopback-in-peer-connection",
};

constexpr std::string_view kDisabledFeatures =
    "NetworkTimeServiceQuerying,OptimizationHints,OptimizationGuideModelDownloading,"
    "OptimizationGuideOnDeviceModel,MediaRouter,DialMediaRouteProvider,Translate,"
    "CertificateTransparencyComponentUpdater,AutofillServerCommunication,"
    "SpareRendererForSitePerProcess,"
    // Pages give each other model files: by addresses, not by names of multicast DNS, which not
    // every network resolves. No other page is ever open here.
    "WebRtcHideLocalIpsWithMdns";

// The machine code of WebAssembly is kept for the next start after each 100 kB of it; usually that
// happens after 1 MB or two quiet seconds, which a single run does not live to see.
constexpr std::string_view kJavaScriptFlags = "--wasm-caching-hard-threshold=100000";

/// Every name but the page's resolves to nothing: whatever Chromium's services want to ask, no
/// packet leaves the machine.
std::string resolverRules(std::string_view url) {
  std::string rules = "MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost";
  const auto host = pageHost(url);
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

}  // namespace

std::vector<std::string> chromiumArguments(const LaunchOptions& options,
                                           std::string_view features) {
  std::vector<std::string> arguments(std::begin(kFlags), std::end(kFlags));
  FeatureList enabled("--enable-features=", features);
  if (options.machine.gpu) enabled.take("--enable-features=Vulkan");
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
  return arguments;
}

std::vector<std::string> chromiumAppArguments(const LaunchOptions& options) {
  auto arguments = chromiumArguments(options);
  // A window without an address bar: what serves that one (two pages of its own in a renderer of
  // their own) would take half of the CPU time of a start.
  arguments.push_back("--app=" + options.url);
  return arguments;
}

std::vector<std::string> chromiumEnvironment(const LaunchOptions& options) {
  // Relative to the working directory: Chromium makes a socket there, and a socket's path may have
  // at most 107 bytes.
  return {fmt::format("TMPDIR={}", options.folder.temporary().filename().native())};
}

}  // namespace webpool::browsers

// Firefox: Debian's firefox-esr, or Mozilla's own build.
#include <array>

#include <fmt/format.h>

#include "browsers/browser_kind.h"
#include "browsers/page_host.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 2> kCommands{"firefox", "firefox-esr"};
constexpr std::array<std::string_view, 4> kPlaces{
    "/usr/lib/firefox-esr/firefox-esr", "/usr/lib/firefox/firefox", "/opt/firefox/firefox",
    "/usr/lib64/firefox/firefox"};
constexpr std::array<std::string_view, 3> kRealNames{"firefox-esr", "firefox-bin", "firefox"};
constexpr std::array<std::string_view, 1> kTitles{"Mozilla Firefox "};
// They name the process that held the profile, and make a start after a kill ask for safe mode.
constexpr std::array<std::string_view, 3> kStaleFiles{"lock", ".parentlock", ".startup-incomplete"};
constexpr std::array<std::string_view, 5> kLogNoise{
    "You are running in headless mode", "Exiting due to channel error", "RenderCompositorSWGL",
    "dconf-WARNING", "[GFX1-]: glxtest"};

struct Preference {
  std::string_view name;
  std::string_view value;  ///< as it stands in user.js
};

// Nothing but the pool's page is wanted, and no request to anyone else.
constexpr Preference kPreferences[] = {
    // WebGPU, also on a driver that computes on the CPU.
    {"dom.webgpu.enabled", "true"},
    {"gfx.webgpu.ignore-blocklist", "true"},
    // Pages give each other model files: by addresses, not by names of multicast DNS, which not
    // every network resolves; also where there is no other network than loopback.
    {"media.peerconnection.ice.obfuscate_host_addresses", "false"},
    {"media.peerconnection.ice.loopback", "true"},
    // No page but ours, no question.
    {"browser.startup.page", "0"},
    {"browser.startup.homepage_override.mstone", "\"ignore\""},
    {"startup.homepage_welcome_url", "\"about:blank\""},
    {"browser.aboutwelcome.enabled", "false"},
    {"browser.newtabpage.enabled", "false"},
    {"browser.newtab.preload", "false"},
    {"browser.shell.checkDefaultBrowser", "false"},
    {"browser.tabs.warnOnClose", "false"},
    {"browser.sessionstore.resume_from_crash", "false"},
    {"toolkit.startup.max_resumed_crashes", "-1"},
    {"dom.disable_open_during_load", "false"},
    {"termsofuse.bypassNotification", "true"},
    {"trailhead.firstrun.didSeeAboutWelcome", "true"},
    // No telemetry, study, report.
    {"datareporting.policy.dataSubmissionEnabled", "false"},
    {"datareporting.healthreport.uploadEnabled", "false"},
    {"datareporting.usage.uploadEnabled", "false"},
    {"toolkit.telemetry.enabled", "false"},
    {"toolkit.telemetry.unified", "false"},
    {"toolkit.telemetry.server", "\"\""},
    {"toolkit.telemetry.archive.enabled", "false"},
    {"app.normandy.enabled", "false"},
    {"app.shield.optoutstudies.enabled", "false"},
    {"nimbus.telemetry.targetingContextEnabled", "false"},
    {"browser.discovery.enabled", "false"},
    {"browser.crashReports.unsubmittedCheck.enabled", "false"},
    {"breakpad.reportURL", "\"\""},
    // No update of it, its add-ons, its lists.
    {"app.update.enabled", "false"},
    {"app.update.auto", "false"},
    {"app.update.disabledForTesting", "true"},
    {"extensions.update.enabled", "false"},
    {"extensions.systemAddon.update.enabled", "false"},
    {"extensions.getAddons.cache.enabled", "false"},
    {"extensions.blocklist.enabled", "false"},
    {"media.gmp-manager.updateEnabled", "false"},
    {"media.gmp-provider.enabled", "false"},
    {"services.settings.server", "\"data:,#remote-settings-dummy/v1\""},
    {"security.remote_settings.crlite_filters.enabled", "false"},
    {"security.remote_settings.intermediates.enabled", "false"},
    {"security.OCSP.enabled", "0"},
    {"browser.search.update", "false"},
    {"browser.region.update.enabled", "false"},
    {"browser.region.network.url", "\"\""},
    {"browser.safebrowsing.malware.enabled", "false"},
    {"browser.safebrowsing.phishing.enabled", "false"},
    {"browser.safebrowsing.downloads.enabled", "false"},
    {"browser.safebrowsing.blockedURIs.enabled", "false"},
    {"browser.safebrowsing.provider.google4.updateURL", "\"\""},
    {"browser.safebrowsing.provider.google5.updateURL", "\"\""},
    {"browser.safebrowsing.provider.mozilla.updateURL", "\"\""},
    {"browser.contentblocking.report.monitor.enabled", "false"},
    {"network.captive-portal-service.enabled", "false"},
    {"network.connectivity-service.enabled", "false"},
    {"dom.push.enabled", "false"},
    {"dom.push.connection.enabled", "false"},
    {"geo.enabled", "false"},
    {"identity.fxaccounts.enabled", "false"},
    {"extensions.pocket.enabled", "false"},
    {"browser.newtabpage.activity-stream.feeds.system.topsites", "false"},
    {"browser.newtabpage.activity-stream.feeds.system.topstories", "false"},
    {"browser.newtabpage.activity-stream.feeds.telemetry", "false"},
    {"browser.newtabpage.activity-stream.showSponsoredTopSites", "false"},
    {"browser.topsites.contile.enabled", "false"},
    {"browser.topsites.useRemoteSetting", "false"},
    {"browser.urlbar.suggest.quicksuggest.sponsored", "false"},
    {"browser.translations.enable", "false"},
    {"browser.ml.enable", "false"},
    {"browser.aiwindow.enabled", "false"},
    {"browser.pagethumbnails.capturing_disabled", "true"},
    {"network.trr.mode", "5"},
    {"network.prefetch-next", "false"},
    {"network.dns.disablePrefetch", "true"},
    {"network.http.speculative-parallel-limit", "0"},
    // A page that nobody looks at keeps its full speed; no processes for pages that never come.
    {"dom.timeout.enable_budget_timer_throttling", "false"},
    {"dom.ipc.processPriorityManager.enabled", "false"},
    {"dom.suspend_inactive.enabled", "false"},
    {"dom.ipc.processPrelaunch.enabled", "false"},
    {"dom.max_script_run_time", "0"},
    {"widget.non-native-theme.enabled", "true"},
    // Whatever its services want to ask, no packet leaves the machine: everything but the page is
    // sent to a port where nobody listens.
    {"network.proxy.type", "1"},
    {"network.proxy.http", "\"127.0.0.1\""},
    {"network.proxy.http_port", "9"},
    {"network.proxy.ssl", "\"127.0.0.1\""},
    {"network.proxy.ssl_port", "9"},
    {"network.proxy.failover_direct", "false"},
    {"network.proxy.allow_bypass", "false"},
};

std::vector<ProfileFile> firefoxFiles(const LaunchOptions& options) {
  std::string text = "// Written by webpool before each start.\n";
  for (const auto& preference : kPreferences) {
    text += fmt::format("user_pref(\"{}\", {});\n", preference.name, preference.value);
  }
  std::string direct = "127.0.0.1, localhost";
  const auto host = pageHost(options.url);
  if (!host.empty() && host != "127.0.0.1" && host != "localhost") direct += ", " + host;
  text += fmt::format("user_pref(\"network.proxy.no_proxies_on\", \"{}\");\n", direct);
  return {{"user.js", std::move(text)}};
}

std::vector<std::string> firefoxArguments(const LaunchOptions& options) {
  std::vector<std::string> arguments;
  if (options.headless) arguments.emplace_back("-headless");
  arguments.insert(arguments.end(), {"-no-remote", "-profile", options.folder.profile().native()});
  arguments.insert(arguments.end(), options.extraFlags.begin(), options.extraFlags.end());
  arguments.push_back(options.url);
  return arguments;
}

std::vector<std::string> firefoxEnvironment(const LaunchOptions& /*options*/) {
  return {
      "MOZ_CRASHREPORTER_DISABLE=1",
      "MOZ_DATA_REPORTING=0",
      // Else a release does not heed services.settings.server.
      "MOZ_REMOTE_SETTINGS_DEVTOOLS=1",
  };
}

}  // namespace

const BrowserKind& firefoxKind() {
  static const BrowserKind kKind{
      .name = "firefox",
      .engine = "firefox",
      .installHint =
          "apt install firefox-esr, or name one with --browser-path firefox=PATH "
          "or WEBPOOL_FIREFOX=PATH",
      .commands = kCommands,
      .places = kPlaces,
      .realNames = kRealNames,
      .titles = kTitles,
      .minimumVersion = "114",
      .minimumReason = "the first with modules in Workers",
      .staleFiles = kStaleFiles,
      .logNoise = kLogNoise,
      .profileFlag = "",
      .sandbox = SandboxRule::AlwaysOn,
      .arguments = firefoxArguments,
      .environment = firefoxEnvironment,
      .profileFiles = firefoxFiles,
  };
  return kKind;
}

}  // namespace webpool::browsers

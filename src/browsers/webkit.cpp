// WebKitGTK's MiniBrowser: the Safari family on Linux. It has no headless mode, and no argument for
// its profile: that is where the XDG folders say.
#include <array>

#include <fmt/format.h>

#include "browsers/browser_kind.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 1> kCommands{"MiniBrowser"};
constexpr std::array<std::string_view, 7> kPlaces{
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/x86_64-linux-gnu/webkitgtk-6.0/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkitgtk-6.0/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
    "/usr/libexec/webkitgtk-6.0/MiniBrowser",
    "/usr/lib/webkit2gtk-4.1/MiniBrowser"};
constexpr std::array<std::string_view, 1> kTitles{"WebKitGTK "};
constexpr std::array<std::string_view, 5> kLogNoise{
    "a11y bus", "dbind-WARNING", "Failed to connect to bus", "dconf-WARNING", "Gtk-WARNING"};

std::vector<std::string> webkitArguments(const LaunchOptions& options) {
  // The file system that belongs to the origin (OPFS) is behind these.
  std::vector<std::string> arguments{
      "--features=FileSystem,AccessHandle,StorageAPI,FileSystemWritableStream,StorageAPIEstimate"};
  if (options.machine.sandbox) arguments.emplace_back("--enable-sandbox");
  arguments.insert(arguments.end(), options.extraFlags.begin(), options.extraFlags.end());
  arguments.push_back(options.url);
  return arguments;
}

std::vector<std::string> webkitEnvironment(const LaunchOptions& options) {
  const auto profile = options.folder.profile().native();
  return {
      fmt::format("XDG_DATA_HOME={}/data", profile),
      fmt::format("XDG_CACHE_HOME={}/cache", profile),
      fmt::format("XDG_CONFIG_HOME={}/config", profile),
      // Without it there are no WebAssembly threads.
      "JSC_useSharedArrayBuffer=1",
      "NO_AT_BRIDGE=1",
      "GTK_A11Y=none",
      // The desktop's settings, and with them its proxy, are not its business.
      "GSETTINGS_BACKEND=memory",
      "GIO_USE_PROXY_RESOLVER=dummy",
  };
}

}  // namespace

const BrowserKind& webkitKind() {
  static const BrowserKind kKind{
      .name = "webkit",
      .engine = "webkit",
      .installHint =
          "apt install webkit2gtk-driver xvfb, or name a MiniBrowser with "
          "--browser-path webkit=PATH or WEBPOOL_WEBKIT=PATH",
      .commands = kCommands,
      .places = kPlaces,
      .realNames = {},
      .titles = kTitles,
      .minimumVersion = "2.40",
      .minimumReason = "the first with WebAssembly SIMD",
      .staleFiles = {},
      .logNoise = kLogNoise,
      .profileFlag = "",
      .sandbox = SandboxRule::Bubblewrap,
      .needsDisplay = true,
      .arguments = webkitArguments,
      .environment = webkitEnvironment,
  };
  return kKind;
}

}  // namespace webpool::browsers

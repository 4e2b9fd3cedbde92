#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/qr_code.h"
#include "pool/convert.h"
#include "pool/join_host.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

struct ServeFlags {
  BrowserFlags browser;
  bool noBrowser = false;
  bool join = false;
  std::string host;
  std::string name;
  std::filesystem::path certificate;
  std::filesystem::path key;
  bool noTls = false;
  std::uint64_t linkTtl = 24 * 60 * 60;  ///< seconds
  bool json = false;
};

std::string clockText(std::chrono::system_clock::time_point time, const char* format) {
  const auto moment = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  ::localtime_r(&moment, &local);
  return fmt::format(fmt::runtime(format), local);
}

bool isUtf8Terminal() {
  if (::isatty(STDOUT_FILENO) == 0) return false;
  for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text = value;
    return text.find("UTF-8") != std::string_view::npos ||
           text.find("utf8") != std::string_view::npos;
  }
  return false;
}

/// What happens, a line each, for a person or as JSON. Thread-safe.
class Lines {
 public:
  explicit Lines(bool asJson) : json_(asJson) {}

  void event(std::string_view name, json::object fields, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (json_) {
      json::object line{{"event", name}};
      for (auto& field : fields) line[field.key()] = std::move(field.value());
      std::printf("%s\n", json::serialize(line).c_str());
    } else {
      std::printf("%s  %s\n", clockText(std::chrono::system_clock::now(), "{:%H:%M:%S}").c_str(),
                  text.c_str());
    }
    std::fflush(stdout);
  }

  bool asJson() const { return json_; }

 private:
  std::mutex mutex_;
  bool json_;
};

json::object deviceFields(const pool::JoinedDevice& device) {
  return {{"device", device.label}, {"trust", pool::trustName(pool::JoinedDevice::kTrust)}};
}

std::string abilities(const BrowserCapabilities& found) {
  return fmt::format("{} {}, {} cores, {}", found.browser, found.version, found.cores,
                     found.webgpu ? "WebGPU" : "no WebGPU");
}

json::object abilityFields(const BrowserCapabilities& found) {
  return {
      {"browser", found.browser},           {"version", found.version},
      {"user_agent", found.userAgent},      {"cores", found.cores},
      {"webgpu", found.webgpu.has_value()}, {"cross_origin_isolated", found.crossOriginIsolated},
      {"keeps_models", found.opfs}};
}

pool::JoinEvents eventsTo(Lines& lines) {
  return {
      .joined =
          [&lines](const pool::JoinedDevice& device) {
            const auto found = pool::toPublic(device.capabilities, "", "");
            auto fields = deviceFields(device);
            fields["peer"] = device.peer;
            for (auto& field : abilityFields(found)) {
              fields[field.key()] = std::move(field.value());
            }
            lines.event(
                "joined", std::move(fields),
                fmt::format("{} joined: {}, from {}", device.label, abilities(found), device.peer));
          },
      .availability =
          [&lines](const pool::JoinedDevice& device) {
            lines.event(
                device.accepting ? "resumed" : "paused", deviceFields(device),
                fmt::format("{} {}", device.label, device.accepting ? "goes on" : "pauses"));
          },
      .modelsLost = {},
      .left =
          [&lines](const pool::JoinedDevice& device, const std::string& why) {
            auto fields = deviceFields(device);
            fields["why"] = why;
            lines.event("left", std::move(fields), fmt::format("{} left: {}", device.label, why));
          },
      .linkExpired =
          [&lines] {
            lines.event("link_expired", {},
                        "the link has expired; who has joined stays. Start again for a new one");
          }};
}

Result<pool::JoinOptions> joinOptions(const ServeFlags& flags) {
  pool::JoinOptions options;
  // In the clear the key would be everybody's who listens: beyond this machine only when told to.
  options.address = !flags.host.empty() ? flags.host : flags.noTls ? "127.0.0.1" : "0.0.0.0";
  options.port = static_cast<std::uint16_t>(flags.browser.port);
  options.name = flags.name;
  options.tls = !flags.noTls;
  options.certificate = flags.certificate;
  options.key = flags.key;
  options.linkTtl = seconds(flags.linkTtl);
  return options;
}

void showLink(const pool::JoinHost& host, const ServeFlags& flags, Lines& lines) {
  const auto expires = std::chrono::system_clock::now() + seconds(flags.linkTtl);
  if (lines.asJson()) {
    lines.event("listening",
                {{"link", host.link()},
                 {"fingerprint", host.fingerprint()},
                 {"link_expires_unix", std::chrono::system_clock::to_time_t(expires)}},
                "");
    return;
  }
  std::printf("Open this link in a browser on any machine or phone that can reach this one:\n\n");
  std::printf("  %s\n\n", host.link().c_str());
  if (isUtf8Terminal()) {
    std::printf("%s\n", qrCodeText(host.link(), std::getenv("NO_COLOR") == nullptr).c_str());
  }
  std::printf("Whoever has it may let a device compute for you, until %s.\n",
              clockText(expires, "{:%Y-%m-%d %H:%M}").c_str());
  std::printf("Its person sees what will run and what it costs, agrees, and can pause and stop.\n");
  if (flags.noTls) {
    std::printf(
        "\nWithout TLS the key travels in the clear, and browsers switch off WebGPU,\n"
        "threads and the cache of models, except on this machine itself.\n");
  } else if (flags.certificate.empty()) {
    std::printf(
        "\nThe browser warns about the certificate: this machine made it for itself. Go on\n"
        "only where the warning's details show this SHA-256 fingerprint:\n\n  %.*s\n  %s\n",
        48, host.fingerprint().c_str(), host.fingerprint().substr(48).c_str());
  } else {
    std::printf("\nThe certificate's SHA-256 fingerprint:\n\n  %s\n", host.fingerprint().c_str());
  }
  std::printf("\nCtrl-C ends it for everybody.\n\n");
  std::fflush(stdout);
}

/// The browsers of this machine, kept as long as it lives.
class LocalWorkers {
 public:
  LocalWorkers(std::unique_ptr<ResourcePool> pool, Lines& lines, std::stop_source failed,
               bool needed)
      : pool_(std::move(pool)), thread_([this, &lines, failed, needed]() mutable {
          const auto found = pool_->capabilities();
          if (found) {
            auto fields = abilityFields(*found);
            fields["trust"] = pool::trustName(pool::Trust::Launched);
            lines.event("local", std::move(fields),
                        "this machine's browser is ready: " + abilities(*found));
          } else if (!closing_) {
            code_ = reportError(found.error());
            if (needed) failed.request_stop();
          }
        }) {}
  ~LocalWorkers() {
    closing_ = true;
    pool_->close();
  }
  int failureCode() const { return code_; }

 private:
  std::unique_ptr<ResourcePool> pool_;
  std::atomic<bool> closing_{false};
  std::atomic<int> code_{0};
  std::jthread thread_;
};

void waitFor(const std::stop_token& stop, const std::stop_token& failed) {
  std::mutex mutex;
  std::condition_variable_any woken;
  const std::stop_callback wake(failed, [&] {
    const std::lock_guard lock(mutex);
    woken.notify_all();
  });
  std::unique_lock lock(mutex);
  woken.wait(lock, stop, [&] { return failed.stop_requested(); });
}

int serve(const Context& context, const ServeFlags& flags) {
  if (auto known = base::checkFolders(context.paths); !known) return reportError(known.error());
  if (!flags.join && flags.noBrowser) {
    return reportError({ErrorCategory::InvalidArgument, "there would be nothing to serve",
                        "leave --no-browser out, or add --join"});
  }
  Lines lines(flags.json);
  std::unique_ptr<pool::JoinHost> host;
  if (flags.join) {
    auto options = joinOptions(flags);
    if (!options) return reportError(options.error());
    auto log =
        std::make_shared<spdlog::logger>("join", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    log->set_level(context.verbose ? spdlog::level::debug : spdlog::level::off);
    auto opened = pool::JoinHost::open(context.paths.data, std::move(*options), eventsTo(lines),
                                       std::move(log));
    if (!opened) return reportError(opened.error());
    host = std::move(*opened);
    showLink(*host, flags, lines);
  }
  std::stop_source failed;
  std::optional<LocalWorkers> local;
  if (!flags.noBrowser) {
    auto browser = flags.browser;
    browser.port = 0;  // the option is the join server's
    auto options = browser.poolOptions(context, [quiet = context.quiet](const std::string& text) {
      if (!quiet) std::fprintf(stderr, "note: %s\n", text.c_str());
    });
    if (!options) return reportError(options.error());
    auto pool = ResourcePool::open(std::move(*options));
    if (!pool) return reportError(pool.error());
    local.emplace(std::move(*pool), lines, failed, !flags.join);
  }
  waitFor(context.stop, failed.get_token());
  if (host) host->close();
  const int code = local ? local->failureCode() : 0;
  local.reset();
  return context.stop.stop_requested() ? exitCode(ErrorCategory::Cancelled) : code;
}

constexpr const char* kDescription =
    "Keep workers ready: this machine's browser and, with --join, other devices";

constexpr const char* kServeFooter = R"(
This version keeps workers and lets devices join; endpoints for inference are
not part of it yet.

With --join a second server listens on all IPv4 interfaces. That is safe to
leave open as far as its key is kept: without the link's 128-bit key it gives
the page's own files and nothing else. It runs no inference for visitors and
sends them only the models that they are to run. Its connections are encrypted.

Examples:
  webpool serve --join
  webpool serve --join --host 192.168.1.5 --port 8443 --link-ttl 2h
  webpool serve --join --tls-cert chain.pem --tls-key key.pem --name example.org
  webpool serve --join --json --no-browser)";

}  // namespace

void addServeCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<ServeFlags>();
  auto* command = app.add_subcommand("serve", kDescription);
  auto* join = command->add_flag("--join", flags->join,
                                 "Let browsers of other machines join by a link that is printed");
  command
      ->add_option("--host", flags->host,
                   "IP address to listen on for --join (default: 0.0.0.0, all; 127.0.0.1 with "
                   "--no-tls); :: is IPv6 too")
      ->needs(join);
  command->add_option("--port", flags->browser.port, "TCP port for --join (default: any free one)")
      ->check(CLI::Range(0, 65535))
      ->needs(join);
  command
      ->add_option("--name", flags->name,
                   "Name or address in the link, where others reach this machine by another one")
      ->needs(join);
  auto* certificate =
      command->add_option("--tls-cert", flags->certificate,
                          "Certificate with its chain (PEM; default: one made for this machine)");
  auto* key = command->add_option("--tls-key", flags->key, "Its key (PEM)");
  certificate->needs(key)->needs(join);
  key->needs(certificate);
  command
      ->add_flag("--no-tls", flags->noTls,
                 "Plain HTTP: no WebGPU in the joined browsers, and the key in the clear")
      ->needs(join)
      ->excludes(certificate);
  command
      ->add_option("--link-ttl", flags->linkTtl,
                   "How long the link lets devices in, e.g. 90m or 2d (default: 24h)")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}},
          CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION"))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{30} * 86400))
      ->needs(join);
  command->add_option("--browser", flags->browser.browser, "Browser engine: auto, chromium")
      ->capture_default_str();
  command
      ->add_option("--browser-path", flags->browser.browserPaths,
                   "Use this executable, e.g. chromium=/opt/chromium/chrome")
      ->allow_extra_args(false);
  command->add_flag("--ephemeral", flags->browser.ephemeral,
                    "Delete the browser's profile (and its cache) afterwards");
  command->add_flag("--no-browser", flags->noBrowser, "Start no browser on this machine");
  command->add_flag("--json", flags->json, "One JSON object a line");
  command->footer(kServeFooter);
  command->callback([flags, &context, &action] {
    action = [flags, &context] { return serve(context, *flags); };
  });
}

}  // namespace webpool::cli

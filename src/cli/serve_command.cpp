#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "browsers/browser.h"
#include "cli/app.h"
#include "cli/byte_size.h"
#include "cli/exit_code.h"
#include "cli/link_ttl.h"
#include "cli/listen_address.h"
#include "cli/record_flags.h"
#include "cli/report.h"
#include "cli/serve_api.h"
#include "cli/serve_output.h"
#include "cli/settings_check.h"
#include "cli/settings_flags.h"
#include "cli/webdriver_guests.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

using std::chrono::seconds;

struct ServeFlags {
  BrowserFlags browser;
  std::vector<std::string> browsers;  ///< none: what is found, the first of each family
  unsigned maxConnections = 0;
  unsigned minConnections = 1;
  unsigned warmSpares = 0;
  std::uint64_t memoryBudget = 0;         ///< bytes
  std::uint64_t browserMemoryBudget = 0;  ///< bytes
  std::string peerSharing = "auto";
  bool adaptiveScaling = true;
  double scaleUp = 0.7;
  double scaleDown = 0.3;
  double scalingCooldown = 30;  ///< seconds
  unsigned maxBatch = 16;
  unsigned maxBatchTokens = 4096;
  double maxQueueDelay = 0;  ///< milliseconds
  unsigned queueCapacity = 4096;
  std::uint64_t answerCache = 0;  ///< bytes
  std::vector<std::string> models;
  bool noBrowser = false;
  bool join = false;
  std::string host;
  std::string name;
  std::filesystem::path certificate;
  std::filesystem::path key;
  bool noTls = false;
  std::uint64_t linkTtl = 24 * 60 * 60;  ///< seconds
  std::vector<std::string> webdrivers;
  ApiFlags api;
  ScrubFlags scrub;
  bool json = false;
};

/// "auto" is what is launched where none is named.
std::vector<std::string> namedBrowsers(const ServeFlags& flags) {
  auto names = flags.browsers;
  std::erase(names, "auto");
  return names;
}

/// The pool's side of the flags.
void setPoolLimits(const ServeFlags& flags, PoolOptions& options) {
  options.browsers = namedBrowsers(flags);
  if (options.browsers.empty()) options.browsers = {"auto"};
  options.launchBrowsers = !flags.noBrowser;
  options.maxConnections = flags.maxConnections;
  options.minConnections = flags.minConnections;
  options.warmSpares = flags.warmSpares;
  options.memoryBudget = flags.memoryBudget;
  options.browserMemoryBudget = flags.browserMemoryBudget;
  // Checked where it was read.
  options.peerSharing = peerSharingFromName(flags.peerSharing).value_or(PeerSharing::Auto);
  options.adaptiveScaling = flags.adaptiveScaling;
  options.scaleUpThreshold = flags.scaleUp;
  options.scaleDownThreshold = flags.scaleDown;
  options.scalingCooldown = std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::duration<double>(flags.scalingCooldown));
  options.maxBatch = flags.maxBatch;
  options.maxBatchTokens = flags.maxBatchTokens;
  options.maxQueueDelay = std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::duration<double, std::milli>(flags.maxQueueDelay));
  options.queueCapacity = flags.queueCapacity;
  options.answerCache = flags.answerCache;
}

JoinOptions joinOptions(const ServeFlags& flags) {
  JoinOptions options;
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

/// Which browsers of this machine `serve` may launch where none was named.
struct Finding {
  std::filesystem::path versions;                      ///< BrowserFinder's cache
  std::map<std::string, std::filesystem::path> paths;  ///< that were given
};

/// Gets the workers ready: the browsers of this machine, and the models wherever they may run.
class Workers {
 public:
  /// `api`: null for none.
  Workers(ResourcePool& pool, Finding finding, const ServeFlags& flags, ServeOutput& output,
          ServeApi* api)
      : pool_(pool),
        finding_(std::move(finding)),
        flags_(flags),
        output_(output),
        api_(api),
        thread_([this](const std::stop_token& stop) {
          if (const auto error = prepare(stop); error && !stop.stop_requested()) {
            code_ = reportError(*error);
            // With a link, devices may still come.
            if (!flags_.join || !flags_.models.empty()) failed_.request_stop();
          }
        }) {}

  /// Requested once there is nothing left to serve.
  std::stop_token failed() const { return failed_.get_token(); }
  int failureCode() const { return code_; }

 private:
  std::optional<Error> prepare(const std::stop_token& stop) {
    if (!flags_.noBrowser) {
      pool_.start();
      auto names = namedBrowsers(flags_);
      if (names.empty()) names.emplace_back();
      for (const auto& name : names) {
        const auto found = pool_.capabilities(name);
        if (!found) return found.error();
        output_.localBrowser(*found);
      }
    }
    for (const auto& name : flags_.models) {
      // Where only devices compute, it waits for the first of them.
      auto model = pool_.load(name, {.timeout = std::chrono::hours(24 * 365), .stop = stop});
      if (!model) {
        if (api_ != nullptr) api_->failed(name, model.error());
        return model.error();
      }
      output_.model(model->info());
      if (api_ != nullptr) api_->add(name, *model);
      models_.push_back(std::move(*model));
    }
    // Behind all that somebody waits for: it may have to ask programs for their versions.
    const bool finds =
        !flags_.noBrowser && namedBrowsers(flags_).empty() && finding_.paths.size() != 1;
    if (finds && !stop.stop_requested()) tellFound();
    return std::nullopt;
  }

  /// What there is beside the browser that was launched.
  void tellFound() {
    browsers::BrowserFinder finder(browsers::Environment::ofThisProcess(), finding_.versions);
    for (const auto& [name, path] : finding_.paths) (void)finder.overridePath(name, path);
    std::vector<browsers::Browser> found;
    for (const auto& name : finder.families()) {
      if (auto browser = finder.find(name)) found.push_back(std::move(*browser));
    }
    std::vector<std::string> launched;
    for (const auto& connection : pool_.connections()) {
      if (connection.trust == Trust::Launched) launched.push_back(connection.browser);
    }
    output_.found(found, launched);
  }

  ResourcePool& pool_;
  const Finding finding_;
  const ServeFlags& flags_;
  ServeOutput& output_;
  ServeApi* api_;
  std::vector<Model> models_;
  std::atomic<int> code_{0};
  std::stop_source failed_;
  std::jthread thread_;
};

Result<std::vector<WebDriverTarget>> targetsOf(const ServeFlags& flags) {
  std::vector<WebDriverTarget> targets;
  for (const auto& text : flags.webdrivers) {
    auto target = parseWebDriverTarget(text);
    if (!target) return std::unexpected(target.error());
    targets.push_back(std::move(*target));
  }
  return targets;
}

GuestEvents guestEventsTo(ServeOutput& output) {
  return {.agreed =
              [&output](const WebDriverTarget& target, const browsers::WebDriverBrowser& browser) {
                output.line("webdriver_agreed",
                            {{"remote", target.remote},
                             {"browser", browser.name},
                             {"version", browser.version},
                             {"platform", browser.platform}},
                            fmt::format("{}: {} {} opened the link and agreed", target.remote,
                                        browser.name, browser.version));
              },
          .ended =
              [&output](const WebDriverTarget& target, const std::string& why) {
                output.line("webdriver_ended", {{"remote", target.remote}, {"why", why}},
                            fmt::format("{}: the page has ended: {}", target.remote, why));
              },
          .failed =
              [&output](const WebDriverTarget& target, const Error& error) {
                output.line("webdriver_failed",
                            {{"remote", target.remote},
                             {"category", categoryName(error.category)},
                             {"message", error.message},
                             {"hint", error.hint}},
                            "a WebDriver's browser does not take part: " + error.describe());
              },
          .swept =
              [&output](const std::string& remote) {
                output.line("webdriver_swept", {{"remote", remote}},
                            remote + ": ended the session that an earlier run left");
              }};
}

/// `invitation`: none without --join; then only what earlier runs left is ended.
std::vector<GuestPlan> guestPlans(std::vector<WebDriverTarget> targets,
                                  const std::optional<Invitation>& invitation,
                                  const ServeFlags& flags, bool quiet) {
  std::vector<GuestPlan> plans;
  for (auto& target : targets) {
    if (!invitation) break;
    if (target.inTheClear && !quiet) {
      std::fprintf(stderr,
                   "note: the link and its key go to %s in the clear; an SSH tunnel or "
                   "https:// hides them\n",
                   target.remote.c_str());
    }
    GuestPlan plan;
    plan.target = std::move(target);
    plan.link = invitation->link;
    plan.ownCertificate = !flags.noTls && flags.certificate.empty();
    plans.push_back(std::move(plan));
  }
  return plans;
}

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

/// What no flag gives.
Result<void> readSecrets(const Context& context, ApiFlags& api) {
  const auto given = givenSettings(context);
  if (!given) return std::unexpected(given.error());
  const auto token = given->find("api_token");
  if (token != given->end() && !token->second.texts.empty()) {
    api.token = token->second.texts.front();
  }
  return {};
}

int serve(const Context& context, const ServeFlags& flags) {
  if (auto known = base::checkFolders(context.paths); !known) return reportError(known.error());
  if (!flags.join && flags.noBrowser) {
    return reportError({ErrorCategory::InvalidArgument, "there would be nothing to serve",
                        "leave --no-browser out, or add --join"});
  }
  if (flags.maxConnections > 0 && flags.browsers.size() > flags.maxConnections) {
    return reportError({ErrorCategory::InvalidArgument,
                        fmt::format("{} browsers are named, and --max-connections allows {}",
                                    flags.browsers.size(), flags.maxConnections),
                        "raise it, or name fewer"});
  }
  if (auto fits = checkScaling(flags.scaleUp, flags.scaleDown); !fits) {
    return reportError(fits.error());
  }
  auto targets = targetsOf(flags);
  if (!targets) return reportError(targets.error());
  auto api = flags.api;
  if (auto read = readSecrets(context, api); !read) return reportError(read.error());
  ServeOutput output(flags.json);
  auto browser = flags.browser;
  browser.port = 0;  // the option is the join server's
  const auto note = [quiet = context.quiet](const std::string& text) {
    if (!quiet) std::fprintf(stderr, "note: %s\n", text.c_str());
  };
  auto options = browser.poolOptions(context, note);
  if (!options) return reportError(options.error());
  const KeptRecord record(flags.browser.dbPath, note);
  record.watch(*options);
  setPoolLimits(flags, *options);
  if (flags.join) {
    options->join = joinOptions(flags);
    options->onJoin = [&output](const JoinEvent& event) { output.device(event); };
  }
  ScalingCounts scalings;
  options->onScaling = [&output, &scalings](const ScalingEvent& event) {
    scalings.count(event);
    output.scaled(event);
  };
  options->onStateChange = [&output](const std::string& connection, const StateChange& change) {
    output.stateChange(connection, change);
  };
  const auto join = options->join;
  Finding finding{context.paths.cache / "browser-versions", options->browserPaths};
  auto pool = ResourcePool::open(std::move(*options));
  if (!pool) return reportError(pool.error());
  const auto invitation = (*pool)->invitation();
  if (invitation) output.invitation(*invitation, *join);
  // Ended after the pool: its pages are told first why.
  const WebDriverGuests guests(
      *context.http, base::systemRandom(), context.paths.data / "join/webdriver",
      guestPlans(std::move(*targets), invitation, flags, context.quiet), guestEventsTo(output));
  const auto content = ServedContent::open(context, flags.scrub, flags.browser.sources, output);
  if (!content) return reportError(content.error());
  std::unique_ptr<ServeApi> server;
  if (!api.off) {
    auto opened =
        ServeApi::open(api, **pool, context.paths.data, flags.models, **content, scalings, output);
    if (!opened) return reportError(opened.error());
    server = std::move(*opened);
  }
  int code = 0;
  {
    Workers workers(**pool, std::move(finding), flags, output, server.get());
    waitFor(context.stop, workers.failed());
    code = workers.failureCode();
    if (server) server->drain();
    (*pool)->close();  // so that what the workers wait for ends
  }
  return context.stop.stop_requested() ? exitCode(ErrorCategory::Cancelled) : code;
}

constexpr const char* kDescription =
    "Keep workers ready: this machine's browser and, with --join, other devices";

constexpr const char* kServeFooter = R"(
Programs call the pool at the address that is printed: OpenAI's embeddings,
chat completions, completions, transcriptions and models (/v1), the Open
Inference Protocol (/v2), Text Embeddings Inference (/embed) and Prometheus'
/metrics; /openapi.json describes them. A model of the catalogue or of this
machine's store is loaded when it is first asked for. docs/serving.md has the
details. What the store holds is there by its CID, too (/ipfs/CID, an IPFS
gateway), for those who may call; --public-gateway opens it to everybody.

With --join a second server listens on all IPv4 interfaces. That is safe to
leave open as far as its key is kept: without the link's 128-bit key it gives
the page's own files and nothing else. It runs no inference for visitors and
sends them only the models that they are to run. Its connections are encrypted.
A device that joins is given the --model models, and serves those that it
answers right.

Examples:
  webpool serve --browser chromium --browser firefox --memory-budget 4GB
  webpool serve --model all-minilm-l6-v2
  curl http://127.0.0.1:8080/v1/embeddings -H 'Content-Type: application/json' \
    -d '{"model": "all-minilm-l6-v2", "input": "a sentence"}'
  webpool serve --api-host 0.0.0.0 --api-token-file token.txt
  webpool serve --join --model all-minilm-l6-v2
  webpool serve --join --host 192.168.1.5 --port 8443 --link-ttl 2h
  webpool serve --join --tls-cert chain.pem --tls-key key.pem --name example.org
  webpool serve --join --webdriver safari=http://mac.local:4444
  webpool serve --join --json --no-browser)";

/// How many browsers, and how much of this machine they may take.
void addPoolOptions(CLI::App& command, ServeFlags& flags) {
  auto* browser =
      command
          .add_option("--browser", flags.browsers,
                      "Browser to launch: chromium, chrome, edge, chromium-webnn, firefox, webkit "
                      "(repeatable; default: the first that is installed, and those of other "
                      "families where a model is busy or can't run in it)")
          ->allow_extra_args(false);
  const auto number = CLI::Range(0, 1000);
  auto* most = command
                   .add_option("--max-connections", flags.maxConnections,
                               "Browser processes at most (default: one of each --browser, or of "
                               "each family that is installed, and the warm spares)")
                   ->check(number);
  auto* least = command
                    .add_option("--min-connections", flags.minConnections,
                                "Browser processes that are there even when no model needs them")
                    ->check(number)
                    ->capture_default_str();
  auto* spares =
      command
          .add_option("--warm-spares", flags.warmSpares,
                      "Browsers that each model is loaded in beside the first, so that a "
                      "death costs no reload")
          ->check(number)
          ->capture_default_str();
  auto* pool = command.add_option("--memory-budget", flags.memoryBudget,
                                  "Memory that all browsers may take with their models, e.g. 4GB "
                                  "or 1500MiB (default: no limit)");
  auto* each = command.add_option("--browser-memory-budget", flags.browserMemoryBudget,
                                  "The same for each browser");
  takeByteSize(*pool);
  takeByteSize(*each);
  auto* none = command.add_flag("--no-browser", flags.noBrowser, "Start no browser here");
  for (auto* option : {browser, most, least, spares, pool, each}) none->excludes(option);
}

/// When models get more workers, up to --max-connections, and when fewer.
void addScalingOptions(CLI::App& command, ServeFlags& flags) {
  command
      .add_option("--peer-sharing", flags.peerSharing,
                  "Browsers give each other model files: auto (where the way from here is slow), "
                  "on, off")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  command
      .add_option("--adaptive-scaling", flags.adaptiveScaling,
                  "Give busy models further browsers, up to --max-connections")
      ->type_name("true|false")
      ->capture_default_str();
  const auto share = CLI::Range(0.0, 1.0);
  command
      .add_option("--scale-up-threshold", flags.scaleUp,
                  "Busy share of a model's browsers above which it gets another")
      ->check(share)
      ->type_name("SHARE")
      ->capture_default_str();
  command
      .add_option("--scale-down-threshold", flags.scaleDown, "The same below which one is ended")
      ->check(share)
      ->type_name("SHARE")
      ->capture_default_str();
  command.add_option("--scaling-cooldown", flags.scalingCooldown, "Between two such changes")
      ->check(CLI::Range(0.0, 86'400.0))
      ->type_name("SECONDS")
      ->capture_default_str();
}

/// How calls wait, and which of them share a run.
void addQueueOptions(CLI::App& command, ServeFlags& flags) {
  command
      .add_option("--max-batch", flags.maxBatch, "Texts, or rows, in one run of a browser at most")
      ->check(CLI::Range(1u, 4096u))
      ->capture_default_str();
  command
      .add_option("--max-batch-tokens", flags.maxBatchTokens,
                  "Tokens in one run at most, padding included")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  command
      .add_option("--max-queue-delay", flags.maxQueueDelay,
                  "So long a free browser waits for a batch to fill")
      ->check(CLI::Range(0.0, 10'000.0))
      ->type_name("MS")
      ->capture_default_str();
  command
      .add_option("--queue-capacity", flags.queueCapacity,
                  "Calls of a model that may wait; further ones are refused (429)")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  auto* cache = command.add_option("--answer-cache", flags.answerCache,
                                   "Keep answers of each model for equal calls, so much memory, "
                                   "e.g. 64MB (default: none)");
  takeByteSize(*cache);
}

/// Where programs call the pool.
void addApiOptions(CLI::App& command, ApiFlags& flags) {
  auto* host =
      command
          .add_option("--api-host", flags.host,
                      "IP address that programs call; beyond this machine it takes a token")
          ->capture_default_str();
  takeListenHost(*host);
  auto* port = command
                   .add_option("--api-port", flags.port,
                               "Its TCP port, 0 for any free one (default: 8080, or any free one "
                               "where that is taken)")
                   ->check(CLI::Range(0, 65535));
  auto* token = command.add_option("--api-token-file", flags.tokenFile,
                                   "File with the token that clients send (Authorization: Bearer); "
                                   "or set WEBPOOL_API_TOKEN");
  command
      .add_option("--api-max-connections", flags.maxConnections,
                  "Connections at most (default: as many as files may be open)")
      ->check(CLI::Range(1, 1'000'000));
  auto* everybody =
      command.add_flag("--public-gateway", flags.publicGateway,
                       "Let everybody read what the store holds by its CID at /ipfs/: without the "
                       "token, and pages of every origin");
  command.add_flag("--no-gateway", flags.noGateway, "Give out nothing of the store")
      ->excludes(everybody);
  command.add_flag("--no-api", flags.off, "Let no programs call")
      ->excludes(everybody)
      ->excludes(host)
      ->excludes(port)
      ->excludes(token);
}

/// How much programs may send, and how long they may take.
void addApiLimits(CLI::App& command, ApiFlags& flags) {
  auto* body = command.add_option("--api-max-body", flags.maxBody,
                                  "A request's body at most, e.g. 64MiB (413)");
  takeByteSize(*body);
  body->default_str("64MiB");
  const auto time = CLI::Range(0.1, 86'400.0);
  command.add_option("--api-head-timeout", flags.headTimeout, "For a request's head to come (408)")
      ->check(time)
      ->type_name("SECONDS")
      ->capture_default_str();
  command
      .add_option("--api-body-timeout", flags.bodyTimeout,
                  "The same for its body, and one more for each 64 KiB of it")
      ->check(time)
      ->type_name("SECONDS")
      ->capture_default_str();
  command
      .add_option("--api-idle-timeout", flags.idleTimeout,
                  "A connection is closed that waits for so long between requests, or reads "
                  "nothing of its answer")
      ->check(time)
      ->type_name("SECONDS")
      ->capture_default_str();
  command
      .add_option("--shutdown-grace", flags.shutdownGrace,
                  "For requests under way when it ends; then they are answered with 503")
      ->check(CLI::Range(0.0, 86'400.0))
      ->type_name("SECONDS")
      ->capture_default_str();
}

}  // namespace

void addServeCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<ServeFlags>();
  auto* command = app.add_subcommand("serve", kDescription);
  auto* join = command->add_flag("--join", flags->join,
                                 "Let browsers of other machines join by a link that is printed");
  auto* host = command->add_option(
      "--host", flags->host,
      "IP address to listen on for --join (default: 0.0.0.0, all; 127.0.0.1 with --no-tls); :: is "
      "IPv6 too");
  takeListenHost(*host);
  host->needs(join);
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
  auto* ttl =
      command->add_option("--link-ttl", flags->linkTtl,
                          "How long the link lets devices in, e.g. 90m or 2d (default: 24h)");
  takeLinkTtl(*ttl);
  ttl->needs(join);
  command
      ->add_option(
          "--webdriver", flags->webdrivers,
          "Have this WebDriver (safaridriver, chromedriver, a Selenium Grid, ...) open the "
          "link and agree: [NAME=]URL (repeatable)")
      ->allow_extra_args(false)
      ->needs(join);
  command
      ->add_option("--model", flags->models,
                   "Load this model wherever it may run: name, .onnx file or folder (repeatable)")
      ->allow_extra_args(false);
  addPoolOptions(*command, *flags);
  addScalingOptions(*command, *flags);
  addQueueOptions(*command, *flags);
  addApiOptions(*command, flags->api);
  addApiLimits(*command, flags->api);
  flags->scrub.addTo(*command);
  command
      ->add_option("--browser-path", flags->browser.browserPaths,
                   "Use this executable, e.g. chromium=/opt/chromium/chrome")
      ->allow_extra_args(false);
  command->add_flag("--ephemeral", flags->browser.ephemeral,
                    "Delete the browser's profile (and its cache) afterwards");
  addDbPath(*command, flags->browser.dbPath, "Keep a record of every run in this DuckDB file");
  flags->browser.sources.addTo(*command);
  command->add_flag("--json", flags->json, "One JSON object a line");
  command->footer(kServeFooter);
  command->callback([flags, &context, &action] {
    action = [flags, &context] { return serve(context, *flags); };
  });
}

}  // namespace webpool::cli

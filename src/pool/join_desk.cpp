#include "pool/join_desk.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "api/page_handler.h"
#include "net/machine_addresses.h"
#include "net/response_head.h"
#include "pool/join_hosts.h"
#include "session/token_gate.h"

namespace webpool::pool {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxBody = 4096;
constexpr std::size_t kMaxConnections = 512;
constexpr std::size_t kRandomBytes = 16;
constexpr auto kConnectTimeout = std::chrono::seconds(60);
constexpr auto kCloseTime = std::chrono::seconds(1);
constexpr auto kCloseLook = std::chrono::milliseconds(10);

/// What a page of ours never needs is off, whatever runs in it.
constexpr std::string_view kNoDevices =
    "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), hid=(), "
    "midi=(), payment=(), clipboard-read=()";

std::string machineName() {
  utsname found{};
  return ::uname(&found) == 0 ? found.nodename : "";
}

net::Response jsonResponse(int status, const json::object& body) {
  net::Response response{.status = status, .headers = {}, .body = json::serialize(body) + "\n"};
  response.headers.set("Content-Type", "application/json");
  return response;
}

net::Response refusal(int status, const Error& error) {
  return jsonResponse(status, {{"error",
                                {{"category", categoryName(error.category)},
                                 {"message", error.message},
                                 {"hint", error.hint}}}});
}

net::Response notAJoinedDevice() {
  return refusal(401, {ErrorCategory::Unauthorized, "this device is not joined (any more)",
                       "open the link again"});
}

/// The value of a cookie, or an empty view.
std::string_view cookie(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const auto end = header.find(';');
    auto pair = header.substr(0, end);
    header = end == std::string_view::npos ? "" : header.substr(end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
  }
  return {};
}

json::value numberOrNull(const std::optional<std::uint64_t>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object toJson(const wire::Stats& stats, const JoinEvents& events) {
  json::array models;
  std::uint64_t running = 0;
  for (const auto& model : stats.models) {
    running += model.open;
    models.push_back({{"name", events.modelName ? events.modelName(model.model) : model.model},
                      {"backend", wire::backendName(model.backend)},
                      {"runs", model.runs},
                      {"open", model.open}});
  }
  return {{"models", models},
          {"running", running},
          {"memory",
           {{"wasm", numberOrNull(stats.memory.wasm)},
            {"gpu", numberOrNull(stats.memory.gpu)},
            {"js_heap", numberOrNull(stats.memory.jsHeap)},
            {"storage", numberOrNull(stats.memory.opfsUsed)}}}};
}

}  // namespace

Result<std::unique_ptr<JoinDesk>> JoinDesk::open(const JoinSite& site, DeskOptions options,
                                                 JoinEvents events) {
  const auto hosts = joinHosts(options.join);
  auto identity = joinIdentity(options.join, options.ownFolder, hosts);
  if (!identity) return std::unexpected(identity.error());
  std::unique_ptr<JoinDesk> desk(
      new JoinDesk(site, std::move(options), std::move(events), std::move(*identity)));
  desk->host_ = net::hostInUrl(hosts.front());
  if (auto listening = desk->listen(hosts); !listening) return std::unexpected(listening.error());
  desk->serve();
  desk->expireLater();
  return desk;
}

JoinDesk::JoinDesk(const JoinSite& site, DeskOptions options, JoinEvents events,
                   std::shared_ptr<const net::TlsIdentity> identity)
    : site_(site),
      options_(std::move(options)),
      events_(std::move(events)),
      identity_(std::move(identity)),
      link_(base::randomHex(site_.random, kRandomBytes), site_.loop.now() + options_.join.linkTtl),
      limiter_(options_.limits),
      content_(site_.content),
      pass_(base::randomHex(site_.random, kRandomBytes)),
      hub_(std::make_unique<PageHub>(site_.loop, site_.random, site_.log)) {}

JoinDesk::~JoinDesk() {
  events_ = {};
}

Result<void> JoinDesk::listen(const std::vector<std::string>& hosts) {
  std::vector<std::string> allowed;
  for (const auto& host : hosts) allowed.push_back(net::hostInUrl(host));
  auto server = net::Server::listen(site_.loop, {.address = options_.join.address,
                                                 .port = options_.join.port,
                                                 .allowedHosts = std::move(allowed),
                                                 .tls = identity_,
                                                 .maxBodyBytes = kMaxBody,
                                                 .maxConnections = kMaxConnections});
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  return {};
}

void JoinDesk::serve() {
  const auto files = [handler = api::pageHandler(site_.page, api::PageReaders::Anywhere)](
                         const net::Request& request, const Respond& respond) {
    handler(request, [&](net::Response response) {
      // The consent page shows the worker page in a frame; nobody else may.
      response.headers.set("Content-Security-Policy",
                           net::contentSecurityPolicy(request.headers.get("Host"), true));
      response.headers.set("Permissions-Policy", std::string(kNoDevices));
      respond(std::move(response));
    });
  };
  server_->routePrefix("GET", "/join/", files);
  server_->routePrefix("GET", "/worker/", files);
  server_->route("GET", "/THIRD-PARTY-NOTICES.txt", files);
  server_->routePrefix(
      "GET", "/ipfs/", [this](const net::Request& request, const Respond& respond) {
        respond(mayFetch(request.headers) ? content_.respond(request) : notAJoinedDevice());
      });
  post("/join/offer", "key", &JoinDesk::onOffer);
  post("/join/device", "key", &JoinDesk::onJoin);
  post("/join/state", "device", &JoinDesk::onState);
  post("/join/availability", "device", &JoinDesk::onAvailability);
  post("/join/leave", "device", &JoinDesk::onLeave);
  hub_->serve(*server_, "/worker/socket",
              [this](const net::RequestInfo& info) { return mayFetch(info.headers); });
}

void JoinDesk::post(const std::string& path, std::string field, Answer answer) {
  server_->route(
      "POST", path,
      [this, field = std::move(field), answer](const net::Request& request,
                                               const Respond& respond) {
        boost::system::error_code error;
        const auto body = json::parse(request.body, error);
        const auto* object = error ? nullptr : body.if_object();
        const auto* value = object ? object->if_contains(field) : nullptr;
        const auto* word = value ? value->if_string() : nullptr;
        // A joined device may ask as often as it likes: it has a connection to send on anyway.
        const bool known = word && devices_.contains(std::string_view(*word));
        if (!known && !limiter_.take(request.peer, site_.loop.now())) {
          respond(refusal(429, {ErrorCategory::Busy, "too many requests from this address",
                                "wait a few seconds"}));
        } else if (!word) {
          respond(
              refusal(400, {ErrorCategory::InvalidArgument,
                            fmt::format("the body must be JSON with the text '{}'", field), ""}));
        } else {
          (this->*answer)(request, std::string_view(*word), respond);
        }
      });
}

/// Those who have the pass may fetch models as long as somebody can be there who needs them.
bool JoinDesk::mayFetch(const net::Headers& headers) const {
  if (!link_.isGood(site_.loop.now()) && devices_.empty()) return false;
  const auto* name = identity_ ? "__Host-webpool" : "webpool";
  return session::equalInConstantTime(cookie(headers.get("Cookie"), name), pass_);
}

void JoinDesk::expireLater() {
  expiry_ = site_.loop.callAt(link_.expires(), [this] {
    if (events_.linkExpired) events_.linkExpired();
  });
}

std::string JoinDesk::link() const {
  return fmt::format("{}://{}:{}/join/#key={}", identity_ ? "https" : "http", host_,
                     server_->port(), link_.key());
}

std::string JoinDesk::fingerprint() const {
  return identity_ ? identity_->fingerprint() : "";
}

void JoinDesk::revokeLink() {
  link_.revoke();
  expiry_.cancel();
}

void JoinDesk::newLink() {
  link_ = JoinLink(base::randomHex(site_.random, kRandomBytes),
                   site_.loop.now() + options_.join.linkTtl);
  expireLater();
}

std::vector<JoinedDevice> JoinDesk::devices() const {
  std::vector<JoinedDevice> found;
  for (const auto& [secret, device] : devices_) {
    if (device.ready) found.push_back(device.facts);
  }
  return found;
}

void JoinDesk::onOffer(const net::Request&, std::string_view key, const Respond& respond) {
  if (const auto good = link_.check(key, site_.loop.now()); !good) {
    respond(refusal(401, good.error()));
    return;
  }
  json::array models;
  for (const auto& model : content_.models()) {
    models.push_back({{"name", model.name}, {"dtype", model.dtype}, {"bytes", model.bytes}});
  }
  const auto left =
      std::chrono::duration_cast<std::chrono::seconds>(link_.expires() - site_.loop.now());
  respond(jsonResponse(
      200, {{"machine", machineName()}, {"models", models}, {"link_seconds_left", left.count()}}));
}

void JoinDesk::onJoin(const net::Request& request, std::string_view key, const Respond& respond) {
  if (const auto good = link_.check(key, site_.loop.now()); !good) {
    respond(refusal(401, good.error()));
    return;
  }
  if (closing_ || devices_.size() >= options_.join.maxDevices) {
    respond(refusal(
        503, {ErrorCategory::Busy, fmt::format("{} devices have joined already", devices_.size()),
              "try again later"}));
    return;
  }
  const auto secret = base::randomHex(site_.random, kRandomBytes);
  session::SessionOptions options;
  options.connectTimeout = kConnectTimeout;
  options.grace = options_.grace;
  auto& device = devices_[secret];
  device.facts.label = fmt::format("joined-{}", ++lastNumber_);
  device.facts.peer = request.peer;
  const auto admission = hub_->expect(
      options,
      {.ready = [this, secret](const wire::Capabilities& found) { onReady(secret, found); },
       .modelsLost =
           [this, secret](const std::vector<std::string>& models, const Error& cause) {
             const auto found = devices_.find(secret);
             if (found != devices_.end() && events_.modelsLost) {
               events_.modelsLost(found->second.facts, models, cause);
             }
           },
       .ended = [this, secret](const std::optional<Error>& cause) { onEnded(secret, cause); },
       .lateAnswers =
           [this, secret](std::uint64_t count) {
             const auto found = devices_.find(secret);
             if (found != devices_.end() && events_.lateAnswers) {
               events_.lateAnswers(found->second.facts, count);
             }
           },
       .signal =
           [this, secret](wire::Signal signal) {
             const auto found = devices_.find(secret);
             if (found != devices_.end() && events_.signal) {
               events_.signal(found->second.facts, std::move(signal));
             }
           }});
  device.facts.session = admission.session;
  auto response = jsonResponse(
      200, {{"device", secret}, {"token", admission.token}, {"label", device.facts.label}});
  response.headers.set("Set-Cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict{}",
                                                 identity_ ? "__Host-webpool" : "webpool", pass_,
                                                 identity_ ? "; Secure" : ""));
  respond(std::move(response));
}

void JoinDesk::onState(const net::Request&, std::string_view secret, const Respond& respond) {
  const auto found = devices_.find(secret);
  if (found == devices_.end()) return respond(notAJoinedDevice());
  const bool accepting = found->second.facts.accepting;
  if (!found->second.ready) {
    respond(jsonResponse(200, {{"state", "connecting"}, {"accepting", accepting}}));
    return;
  }
  const auto sent = hub_->submit(
      found->second.facts.session, wire::StatsRequest{}, site_.loop.now() + std::chrono::seconds(5),
      [this, respond, accepting](const Result<session::Answer>& answer) {
        const auto* stats = answer ? std::get_if<wire::Stats>(&*answer) : nullptr;
        // A page whose connection broke: it is waited for.
        if (!stats) {
          return respond(jsonResponse(200, {{"state", "connecting"}, {"accepting", accepting}}));
        }
        auto body = toJson(*stats, events_);
        body["state"] = "joined";
        body["accepting"] = accepting;
        respond(jsonResponse(200, body));
      });
  if (!sent) respond(refusal(503, sent.error()));
}

void JoinDesk::onAvailability(const net::Request& request, std::string_view secret,
                              const Respond& respond) {
  const auto found = devices_.find(secret);
  if (found == devices_.end()) return respond(notAJoinedDevice());
  const auto body = json::parse(request.body);
  const auto* value = body.as_object().if_contains("accepting");
  const auto* accepting = value ? value->if_bool() : nullptr;
  if (!accepting) {
    return respond(
        refusal(400, {ErrorCategory::InvalidArgument, "'accepting' must be true or false", ""}));
  }
  auto& device = found->second;
  const bool changed = std::exchange(device.facts.accepting, *accepting) != *accepting;
  respond(jsonResponse(200, {{"accepting", *accepting}}));
  if (changed && device.ready && events_.availability) events_.availability(device.facts);
}

void JoinDesk::onLeave(const net::Request&, std::string_view secret, const Respond& respond) {
  const auto found = devices_.find(secret);
  if (found == devices_.end()) return respond(notAJoinedDevice());
  respond(jsonResponse(200, {{"left", true}}));
  dismiss(found->second.facts.session, "stopped by its person");
}

void JoinDesk::onReady(const std::string& secret, const wire::Capabilities& capabilities) {
  const auto found = devices_.find(secret);
  if (found == devices_.end()) return;
  auto& device = found->second;
  device.ready = true;
  device.facts.capabilities = capabilities;
  if (events_.joined) events_.joined(device.facts);
}

void JoinDesk::onEnded(const std::string& secret, const std::optional<Error>& cause) {
  const auto node = devices_.extract(secret);
  if (node.empty() || !node.mapped().ready || !events_.left) return;
  events_.left(node.mapped().facts, cause ? cause->message : "its page was closed", false);
}

void JoinDesk::dismiss(const std::string& session, const std::string& why) {
  const auto found = std::ranges::find_if(
      devices_, [&](const auto& entry) { return entry.second.facts.session == session; });
  if (found == devices_.end()) return;
  const auto node = devices_.extract(found);
  const auto& device = node.mapped();
  if (device.ready && events_.left) events_.left(device.facts, why, true);
  hub_->close(device.facts.session, why);
}

void JoinDesk::close(std::function<void()> done) {
  closed_ = std::move(done);
  closing_ = true;
  link_.revoke();
  expiry_.cancel();
  std::vector<std::string> sessions;
  for (const auto& [secret, device] : devices_) sessions.push_back(device.facts.session);
  for (const auto& session : sessions) dismiss(session, "the pool ended");
  waitForPages(site_.loop.now() + kCloseTime);
}

void JoinDesk::waitForPages(base::TimePoint until) {
  if (hub_->connections() == 0 || site_.loop.now() >= until) {
    server_->stop();
    if (auto done = std::exchange(closed_, nullptr)) done();
    return;
  }
  closeTimer_ = site_.loop.callAfter(kCloseLook, [this, until] { waitForPages(until); });
}

}  // namespace webpool::pool

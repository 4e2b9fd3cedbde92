#include "cli/serve_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "api/gateway_routes.h"
#include "api/protocols.h"
#include "cli/listen_address.h"
#include "cli/open_files.h"
#include "cli/serve_greeting.h"
#include "cli/server_flags.h"

namespace webpool::cli {
namespace {

constexpr std::uint16_t kUsualPort = 8080;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

void setLimits(const ApiFlags& flags, net::ServerOptions& server) {
  server.maxBodyBytes = flags.maxBody;
  // One body of the greatest size finds room at least.
  server.maxBodiesBytes = std::max(server.maxBodiesBytes, flags.maxBody);
  server.headerTimeout = milliseconds(flags.headTimeout);
  server.bodyTimeout = milliseconds(flags.bodyTimeout);
  server.idleTimeout = milliseconds(flags.idleTimeout);
}

Result<std::string> tokenOf(const ApiFlags& flags) {
  if (flags.tokenFile.empty()) return flags.token;
  if (flags.token.empty()) return readToken(flags.tokenFile);
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("a token is given, and {} holds one too", flags.tokenFile.native()),
              "leave out WEBPOOL_API_TOKEN (api_token) or --api-token-file");
}

Result<std::unique_ptr<api::Front>> listen(const ApiFlags& flags, std::string token,
                                           ServeOutput& output) {
  const auto openFiles = raiseOpenFiles();
  const auto open = [&](std::uint16_t port) {
    api::FrontOptions options;
    options.server.address = flags.host;
    options.server.allowedHosts = hostNames(flags.host);
    if (flags.publicGateway) options.server.openPrefixes = api::gatewayPrefixes();
    options.server.port = port;
    options.server.refusal = api::refusal;
    options.server.maxConnections =
        flags.maxConnections > 0 ? flags.maxConnections : connectionsUnder(openFiles);
    setLimits(flags, options.server);
    options.token = token;
    options.log = [&output](const api::AccessLine& line) {
      output.line("request",
                  {{"id", line.id},
                   {"peer", line.peer},
                   {"method", line.method},
                   {"path", line.path},
                   {"model", line.model},
                   {"status", line.status},
                   {"bytes_in", line.bytesIn},
                   {"seconds", line.seconds}},
                  fmt::format("{} {} {} {:.0f} ms", line.method, line.path, line.status,
                              1000 * line.seconds));
    };
    return api::Front::open(std::move(options));
  };
  if (flags.port) return open(*flags.port);
  auto front = open(kUsualPort);
  const bool taken = !front && front.error().category == ErrorCategory::PortInUse;
  return taken ? open(0) : std::move(front);
}

std::vector<api::Gauge> gauges(const ResourcePool& pool, const api::ServedModels& models) {
  std::map<std::string, unsigned> workers;
  std::vector<api::Gauge> memory;
  std::vector<api::Gauge> runs;
  for (const auto& connection : pool.connections()) {
    ++workers[connection.state];
    const api::Labels labels{{"connection", connection.label}};
    if (connection.pss > 0) {
      memory.push_back({.name = "webpool_worker_memory_bytes",
                        .help = "Memory of a browser's processes",
                        .labels = labels,
                        .value = double(connection.pss)});
    }
    runs.push_back({.name = "webpool_worker_answers",
                    .help = "Requests answered by the browser that runs now",
                    .labels = labels,
                    .value = double(connection.jobs)});
  }
  std::vector<api::Gauge> all;
  for (const auto& [state, count] : workers) {
    all.push_back({.name = "webpool_workers",
                   .help = "Browsers and joined devices, by state",
                   .labels = {{"state", state}},
                   .value = double(count)});
  }
  all.insert(all.end(), memory.begin(), memory.end());
  all.insert(all.end(), runs.begin(), runs.end());
  all.push_back({.name = "webpool_model_loads_total",
                 .help = "Models loaded because a request asked for them",
                 .type = "counter",
                 .value = double(models.loads())});
  return all;
}

/// What waits and what runs, of each model that is open or being loaded.
std::vector<api::Gauge> queueGauges(const ResourcePool& pool, const api::ServedModels& models) {
  std::map<std::string, ModelCalls> byName;
  for (const auto& [name, count] : models.waiting()) byName[name].waiting = count;
  for (const auto& calls : pool.calls()) {
    byName[calls.model].waiting += calls.waiting;
    byName[calls.model].running += calls.running;
    byName[calls.model].hedged += calls.hedged;
  }
  std::vector<api::Gauge> all;
  for (const auto& [name, calls] : byName) {
    all.push_back({.name = "webpool_queue_depth",
                   .help = "Calls of a model that wait for a worker, or for the model",
                   .labels = {{"model", name}},
                   .value = double(calls.waiting)});
  }
  for (const auto& [name, calls] : byName) {
    all.push_back({.name = "webpool_running_calls",
                   .help = "Calls of a model that were sent to a worker",
                   .labels = {{"model", name}},
                   .value = double(calls.running)});
  }
  for (const auto& [name, calls] : byName) {
    all.push_back({.name = "webpool_hedged_runs_total",
                   .help = "Runs of a model that were late and tried on a second worker",
                   .type = "counter",
                   .labels = {{"model", name}},
                   .value = double(calls.hedged)});
  }
  return all;
}

}  // namespace

ServeApi::ServeApi(const ApiFlags& flags, ResourcePool& pool, std::unique_ptr<ServeModels> known,
                   std::unique_ptr<api::Front> front)
    : flags_(flags), pool_(pool), known_(std::move(known)), front_(std::move(front)) {}

Result<std::unique_ptr<ServeApi>> ServeApi::open(const ApiFlags& flags, ResourcePool& pool,
                                                 const std::filesystem::path& dataFolder,
                                                 const std::vector<std::string>& models,
                                                 const ServedContent& content,
                                                 const ScalingCounts& scalings,
                                                 ServeOutput& output) {
  auto token = tokenOf(flags);
  if (!token) return std::unexpected(token.error());
  auto known = ServeModels::open(dataFolder, models);
  if (!known) return std::unexpected(known.error());
  auto front = listen(flags, std::move(*token), output);
  if (!front) return std::unexpected(front.error());
  std::unique_ptr<ServeApi> server(new ServeApi(flags, pool, std::move(*known), std::move(*front)));
  auto& names = *server->known_;
  const auto knows = [&names](const std::string& name) {
    const auto all = names.names();
    return std::ranges::find(all, name) != all.end();
  };
  const auto load = [&pool](const std::string& name, std::stop_token stop) {
    return pool.load(name, {.stop = std::move(stop)});
  };
  server->models_ = std::make_unique<api::ServedModels>(
      api::ModelSupply{.names = [&names] { return names.names(); },
                       .load = load,
                       .task = [&names](const std::string& name) { return names.task(name); },
                       .knows = knows},
      true);
  for (const auto& name : models) server->models_->expect(name);
  auto& served = *server->models_;
  api::addProtocols(*server->front_, served);
  server->native_ = std::make_unique<api::native::NativeApi>(pool, served, knows);
  server->native_->addRoutes(*server->front_);
  server->front_->metrics().read([&pool, &served, &content, &scalings] {
    auto all = gauges(pool, served);
    for (const auto& [direction, count] :
         {std::pair{"up", scalings.up.load()}, std::pair{"down", scalings.down.load()}}) {
      all.push_back({.name = "webpool_scaling_decisions_total",
                     .help = "Decisions that a model is to have more workers (up), or fewer",
                     .type = "counter",
                     .labels = {{"direction", direction}},
                     .value = double(count)});
    }
    for (auto& gauge : queueGauges(pool, served)) all.push_back(std::move(gauge));
    for (auto& gauge : content.gauges()) all.push_back(std::move(gauge));
    return all;
  });
  if (!flags.noGateway) {
    content.addTo(*server->front_, reachedAddresses(flags.host), flags.publicGateway);
  }
  server->greet(output);
  return server;
}

void ServeApi::greet(ServeOutput& output) const {
  std::vector<NamedTask> models;
  for (const auto& name : known_->names()) models.push_back({name, known_->task(name)});
  const auto token = !flags_.tokenFile.empty() ? fmt::format("$(cat {})", flags_.tokenFile.native())
                     : !flags_.token.empty()   ? std::string("$WEBPOOL_API_TOKEN")
                                               : std::string();
  output.api(origin(), models, token);
}

void ServeApi::drain() {
  front_->drain(milliseconds(flags_.shutdownGrace));
}

ServeApi::~ServeApi() {
  front_->drain(std::chrono::milliseconds(0));
  pool_.close();  // what runs ends before those that wait for it go
  native_.reset();
  models_.reset();
}

}  // namespace webpool::cli

#include "cli/serve_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "api/oip/routes.h"
#include "api/openai/routes.h"
#include "cli/server_flags.h"
#include "pool/model_source.h"

namespace webpool::cli {
namespace {

constexpr std::uint16_t kUsualPort = 8080;
constexpr std::chrono::seconds kDrain{10};

Result<std::unique_ptr<api::Front>> listen(const ApiFlags& flags, std::string token,
                                           ServeOutput& output) {
  const auto open = [&](std::uint16_t port) {
    api::FrontOptions options;
    options.server.address = flags.host;
    options.server.port = port;
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
  if (flags.port != 0) return open(static_cast<std::uint16_t>(flags.port));
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

}  // namespace

ServeApi::ServeApi(ResourcePool& pool, std::unique_ptr<api::Front> front)
    : pool_(pool), front_(std::move(front)) {}

bool ServeApi::knows(const std::string& name) const {
  if (std::ranges::find(atStart_, name) != atStart_.end()) return true;
  if (source_->catalogue().find(name) != nullptr) return true;
  const auto pins = source_->content().pins("model");
  return pins && std::ranges::find(*pins, name, &store::Pin::name) != pins->end();
}

std::vector<std::string> ServeApi::names() const {
  auto all = atStart_;
  for (const auto& entry : source_->catalogue().entries()) all.push_back(entry.name);
  if (const auto pins = source_->content().pins("model")) {
    for (const auto& pin : *pins) all.push_back(pin.name);
  }
  return all;
}

Result<std::unique_ptr<ServeApi>> ServeApi::open(const ApiFlags& flags, ResourcePool& pool,
                                                 const std::filesystem::path& dataFolder,
                                                 const std::vector<std::string>& models,
                                                 ServeOutput& output) {
  auto token = readToken(flags.tokenFile);
  if (!token) return std::unexpected(token.error());
  auto front = listen(flags, std::move(*token), output);
  if (!front) return std::unexpected(front.error());
  std::unique_ptr<ServeApi> server(new ServeApi(pool, std::move(*front)));
  server->atStart_ = models;
  auto source = pool::ModelSource::open(dataFolder);
  if (!source) return std::unexpected(source.error());
  server->source_ = std::move(*source);
  const auto names = [server = server.get()] { return server->names(); };
  const auto knows = [server = server.get()](const std::string& name) {
    return server->knows(name);
  };
  const auto load = [&pool](const std::string& name, std::stop_token stop) {
    return pool.load(name, {.stop = std::move(stop)});
  };
  server->models_ = std::make_unique<api::ServedModels>(api::ModelSupply{names, load, knows}, true);
  for (const auto& name : models) server->models_->expect(name);
  auto& served = *server->models_;
  api::oip::addRoutes(*server->front_, served);
  api::openai::addRoutes(*server->front_, served);
  server->native_ = std::make_unique<api::native::NativeApi>(pool, served, knows);
  server->native_->addRoutes(*server->front_);
  server->front_->metrics().read([&pool, &served] { return gauges(pool, served); });
  server->front_->route("GET", "/metrics", "metrics",
                        [front = server->front_.get()](const auto& exchange) {
                          net::Response response;
                          response.headers.set("Content-Type", "text/plain; version=0.0.4");
                          response.body = front->metrics().text();
                          exchange->respond(std::move(response));
                        });
  const auto origin = server->origin();
  output.line("api", {{"url", origin}},
              fmt::format("programs may call {} (Open Inference Protocol, OpenAI)", origin));
  return server;
}

void ServeApi::drain() {
  front_->drain(kDrain);
}

ServeApi::~ServeApi() {
  front_->drain(std::chrono::milliseconds(0));
  pool_.close();  // what runs ends before those that wait for it go
  native_.reset();
  models_.reset();
}

}  // namespace webpool::cli

#include "remote/remote_pool.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "net/http_client.h"
#include "net/http_url.h"
#include "remote/callers.h"
#include "remote/client.h"
#include "remote/codec.h"

namespace webpool::remote {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kGlance{2};    // for what is there already
constexpr std::chrono::minutes kQuestion{5};  // for what needs no browser, and may need a download

std::unexpected<Error> unreadable(const Client& client) {
  return fail(ErrorCategory::Protocol,
              fmt::format("the answer of {} lacks what was asked for", client.url()),
              "both must be of versions that know each other");
}

template <class T>
Result<T> valueOf(const Client& client, const wire::Frame& frame, std::string_view key) {
  const auto* const value = frame.header.if_contains(key);
  if (value == nullptr) return unreadable(client);
  return fromJson<T>(*value);
}

/// What the handles share. It ends with the pool: what runs is cancelled then.
struct Shared {
  explicit Shared(Client c) : client(std::move(c)) {}

  Client client;
  std::stop_source closing;
  Callers callers;

  Result<wire::Frame> call(Call what) {
    if (closing.stop_requested()) return std::unexpected(closed());
    std::stop_source stop;
    const auto ask = [&stop] { stop.request_stop(); };
    const std::stop_callback onCaller(what.stop, ask);
    const std::stop_callback onClosing(closing.get_token(), ask);
    what.stop = stop.get_token();
    auto answer = client.call(what);
    if (!answer && closing.stop_requested()) return std::unexpected(closed());
    return answer;
  }
  static Error closed() {
    return {ErrorCategory::Cancelled, "the pool is closed", "open a new one"};
  }
};

Result<Model> loadModel(const std::shared_ptr<Shared>& shared, std::string_view name,
                        const ModelOptions& options);

class RemoteModel final : public Model::Runner {
 public:
  /// `name`, `chosen`: what the server calls this load by.
  RemoteModel(std::shared_ptr<Shared> shared, std::string_view name, ModelInfo info,
              json::object chosen, ModelOptions options)
      : shared_(std::move(shared)),
        name_(name),
        info_(std::move(info)),
        chosen_(std::move(chosen)),
        options_(std::move(options)) {}

  const ModelInfo& info() const override { return info_; }

  void runAsync(std::vector<Tensor> inputs, const RunOptions& options,
                std::function<void(Result<Inference>)> done) override {
    const auto began = std::chrono::steady_clock::now();
    const bool taken = shared_->callers.run(
        [shared = shared_, header = question(), options, began, inputs = std::move(inputs),
         done]() mutable { done(runNow(*shared, std::move(header), inputs, options, began)); });
    if (!taken) done(std::unexpected(Shared::closed()));
  }

  // The record is the server's.
  void refused(const Error&) override {}
  void answeredWithoutRun(std::uint64_t, std::chrono::steady_clock::time_point) override {}
  LoadTimings loadTimings() const override { return info_.timings; }
  std::map<std::string, std::uint64_t> fileSizes() const override { return {}; }

  Result<Bytes> file(std::string_view path) override {
    auto header = question();
    header["path"] = path;
    const auto answer =
        shared_->call({.action = "file", .header = std::move(header), .timeout = kQuestion});
    if (!answer) return std::unexpected(answer.error());
    if (answer->outputs.size() != 1) return unreadable(shared_->client);
    return answer->outputs.front().data;
  }

  Result<Model> component(std::string_view name, std::string_view task) override {
    auto options = options_;
    options.component = name;
    options.dtype = info_.dtype;
    options.precision = 0;
    options.task = task;
    options.lazy = true;
    options.progress = nullptr;
    return loadModel(shared_, name_, options);
  }

 private:
  json::object question() const { return {{"model", name_}, {"options", chosen_}}; }

  static Result<Inference> runNow(Shared& shared, json::object header,
                                  std::span<const Tensor> inputs, const RunOptions& options,
                                  std::chrono::steady_clock::time_point began) {
    header["run"] = toJson(options);
    header["stream"] = options.onPartial != nullptr;
    const auto answer = shared.call({.action = "run",
                                     .header = std::move(header),
                                     .inputs = inputs,
                                     .timeout = options.timeout,
                                     .stop = options.stop,
                                     .onPart = [&](const wire::Frame& frame) {
                                       const auto part =
                                           fromJson<PartialAnswer>(frame.header.at("part"));
                                       if (part && options.onPartial) options.onPartial(*part);
                                     }});
    if (!answer) return std::unexpected(answer.error());
    auto inference = valueOf<Inference>(shared.client, *answer, "inference");
    if (!inference) return inference;
    inference->outputs = answer->outputs;
    inference->ranOn.server = shared.client.url();
    // From the call to the answer, the way there and back included.
    inference->timings.totalMs =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
    return inference;
  }

  std::shared_ptr<Shared> shared_;
  std::string name_;
  ModelInfo info_;
  json::object chosen_;
  ModelOptions options_;
};

/// A file of this machine is none of the server's, even where both are the same machine.
Error explained(Error error, std::string_view model) {
  std::error_code ignored;
  if (error.category == ErrorCategory::NotFound && std::filesystem::exists(model, ignored)) {
    error.message += ": a file or folder here is none of its models";
    error.hint = "webpool models add PATH --name NAME where it runs, then give NAME";
  }
  return error;
}

json::object questionFor(std::string_view model, const ModelOptions& options) {
  return {{"model", model}, {"options", toJson(options)}};
}

Result<Model> loadModel(const std::shared_ptr<Shared>& shared, std::string_view name,
                        const ModelOptions& options) {
  if (options.progress) options.progress({"load", shared->client.url(), 0, 0});
  const auto began = std::chrono::steady_clock::now();
  const auto answer = shared->call({.action = "load",
                                    .header = questionFor(name, options),
                                    .timeout = options.timeout,
                                    .stop = options.stop});
  if (!answer) return std::unexpected(explained(answer.error(), name));
  auto info = valueOf<ModelInfo>(shared->client, *answer, "info");
  if (!info) return std::unexpected(info.error());
  const auto* const chosen = answer->header.if_contains("options");
  const auto* const called = answer->header.if_contains("model");
  if (chosen == nullptr || !chosen->is_object() || called == nullptr || !called->is_string()) {
    return unreadable(shared->client);
  }
  if (!info->ranOn.browser.empty()) info->ranOn.server = shared->client.url();
  info->timings.totalMs =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  return Model(std::make_shared<RemoteModel>(shared, called->get_string(), std::move(*info),
                                             chosen->get_object(), options));
}

class RemotePool final : public ResourcePool::Provider {
 public:
  explicit RemotePool(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~RemotePool() override { RemotePool::close(); }

  void start() override {}  // its browsers are there, or the server's own affair

  Result<BrowserCapabilities> capabilities(std::string_view browser) override {
    const auto answer = shared_->call(
        {.action = "capabilities", .header = {{"browser", browser}}, .timeout = kQuestion});
    mayHaveLaunched();
    if (!answer) return std::unexpected(answer.error());
    return valueOf<BrowserCapabilities>(shared_->client, *answer, "capabilities");
  }

  Result<Model> load(std::string_view model, const ModelOptions& options) override {
    auto loaded = loadModel(shared_, model, options);
    mayHaveLaunched();
    return loaded;
  }

  Result<ModelDescription> describe(std::string_view model, const ModelOptions& options) override {
    const auto answer = shared_->call({.action = "describe",
                                       .header = questionFor(model, options),
                                       .timeout = options.timeout,
                                       .stop = options.stop});
    if (!answer) return std::unexpected(explained(answer.error(), model));
    return valueOf<ModelDescription>(shared_->client, *answer, "description");
  }

  Result<std::map<std::string, Bytes>> files(std::string_view, const ModelOptions&) override {
    return fail(ErrorCategory::Unsupported, "a server's models are not handed out",
                "use browsers of this process for a backend of your own: leave the url out");
  }

  std::string origin() const override { return shared_->client.url(); }
  std::optional<Invitation> invitation() const override { return std::nullopt; }

  // None where the server is gone: nothing is known of them then.
  std::vector<ConnectionStats> connections() const override { return told().connections; }
  /// Those of the server's whole pool, whoever's calls they were for.
  std::vector<ScalingEvent> scalingEvents() const override { return told().scaling; }
  std::vector<ModelCalls> calls() const override { return told().calls; }

  void close() override {
    shared_->closing.request_stop();
    shared_->callers.close();
  }

 private:
  static constexpr std::chrono::seconds kFresh{1};

  /// What one answer of the server says of its pool.
  struct Told {
    std::vector<ConnectionStats> connections{};
    std::vector<ScalingEvent> scaling{};
    std::vector<ModelCalls> calls{};
  };

  Told told() const {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    // Who asks after each call does not make the server answer each time.
    if (!asked_ || now - *asked_ > kFresh) {
      told_ = ask();
      asked_ = now;
    }
    return told_;
  }

  /// What was told of connections before is not so any more.
  void mayHaveLaunched() {
    const std::lock_guard lock(mutex_);
    asked_.reset();
  }

  /// An older server may not know of all.
  template <class T>
  static std::vector<T> listOf(const wire::Frame& answer, std::string_view key) {
    std::vector<T> all;
    const auto* const list = answer.header.if_contains(key);
    if (list == nullptr || !list->is_array()) return all;
    for (const auto& each : list->get_array()) {
      if (auto one = fromJson<T>(each)) all.push_back(std::move(*one));
    }
    return all;
  }

  Told ask() const {
    const auto answer = shared_->call({.action = "connections", .timeout = kGlance});
    if (!answer) return {};
    return {.connections = listOf<ConnectionStats>(*answer, "connections"),
            .scaling = listOf<ScalingEvent>(*answer, "scaling_decisions"),
            .calls = listOf<ModelCalls>(*answer, "calls")};
  }

  std::shared_ptr<Shared> shared_;
  mutable std::mutex mutex_;
  mutable std::optional<std::chrono::steady_clock::time_point> asked_;
  mutable Told told_;
};

std::string tokenOf(const PoolOptions& options) {
  const char* const variable = std::getenv("WEBPOOL_API_TOKEN");
  return !options.token.empty() || variable == nullptr ? options.token : variable;
}

}  // namespace

std::string serverOf(const PoolOptions& options) {
  const char* const variable = std::getenv("WEBPOOL_URL");
  return options.url.value_or(variable == nullptr ? "" : variable);
}

Result<std::shared_ptr<ResourcePool::Provider>> openRemotePool(const std::string& url,
                                                               const PoolOptions& options) {
  auto address = addressOf(url, tokenOf(options));
  if (!address) return std::unexpected(address.error());
  const auto parsed = net::parseHttpUrl(address->url);
  if (options.notice && !address->token.empty() && !parsed->tls && !parsed->isLoopback()) {
    options.notice(
        fmt::format("the token goes to {} in the clear; an SSH tunnel or https:// in "
                    "front of it hides it",
                    address->url));
  }
  auto shared =
      std::make_shared<Shared>(Client(std::move(*address), std::make_shared<net::HttpClient>()));
  if (auto there = shared->client.greet(); !there) return std::unexpected(there.error());
  return std::make_shared<RemotePool>(std::move(shared));
}

}  // namespace webpool::remote

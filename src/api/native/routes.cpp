#include "api/native/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "net/body_stream.h"
#include "pool/background.h"
#include "remote/codec.h"
#include "remote/message.h"
#include "webpool/version.h"

namespace webpool::api::native {
namespace {

namespace json = boost::json;
using Shared = std::shared_ptr<Exchange>;
using remote::fromJson;
using remote::toJson;

constexpr std::string_view kPrefix = "/webpool/v1/";
constexpr unsigned kAtOnce = 32;       // questions that block
constexpr std::size_t kVariants = 64;  // models loaded in another than the usual way
constexpr std::size_t kWaitingForReader = 16u << 20;
constexpr std::chrono::hours kLongestRun{24};

net::Response errorForm(const Error& error, int status) {
  return jsonResponse(status, json::serialize(json::object{{"error", toJson(error)}}));
}

/// Answers with one frame.
void respond(const Shared& exchange, json::object header, std::span<const Tensor> outputs = {}) {
  auto body = remote::pack(std::move(header), {}, outputs);
  if (!body) return exchange->fail(body.error());
  net::Response response;
  response.headers.set("Content-Type", "application/octet-stream");
  response.body = std::move(*body);
  exchange->respond(std::move(response));
}

/// An answer whose parts are sent as they come. The client may leave before or within it.
class Stream {
 public:
  explicit Stream(Shared exchange) : exchange_(std::move(exchange)) {
    const std::function<void()> ask = [this] { stop_.request_stop(); };
    before_.emplace(exchange_->stop(), ask);
    within_.emplace(writer_.closed(), ask);
  }

  std::stop_token stop() const { return stop_.get_token(); }

  void part(json::object header) { write(std::move(header), {}); }
  void end(json::object header, std::span<const Tensor> outputs) {
    write(std::move(header), outputs);
    writer_.end();
  }
  /// With a status of its own where no part has gone before.
  void fail(const Error& error) {
    exchange_->fail(error);
    if (const auto text = remote::pack({{"error", toJson(exchange_->told(error))}})) {
      writer_.write(*text);
    }
    writer_.end();
  }

 private:
  void write(json::object header, std::span<const Tensor> outputs) {
    const auto text = remote::pack(std::move(header), {}, outputs);
    if (!text) return fail(text.error());
    net::Response response;  // the first one counts
    response.headers.set("Content-Type", "application/octet-stream");
    response.body = writer_.body();
    exchange_->respond(std::move(response));
    writer_.write(*text);
  }

  using Callback = std::stop_callback<std::function<void()>>;
  Shared exchange_;
  net::BodyWriter writer_{kWaitingForReader};
  std::stop_source stop_;
  std::optional<Callback> before_, within_;
};

/// What a request names: a model, and how it is to be loaded.
struct Wanted {
  std::string name;
  ModelOptions options;

  bool isUsual() const { return toJson(options) == toJson(ModelOptions{}); }
  std::string key() const {
    return json::serialize(json::object{{"model", name}, {"options", toJson(options)}});
  }
  static Result<Wanted> of(const json::object& header) {
    const auto* const model = header.if_contains("model");
    const auto* const options = header.if_contains("options");
    if (model == nullptr || !model->is_string() || options == nullptr) {
      return webpool::fail(ErrorCategory::InvalidInput,
                           "the request names no model, or no options");
    }
    auto read = fromJson<ModelOptions>(*options);
    if (!read) return webpool::fail(ErrorCategory::InvalidInput, read.error().message);
    return Wanted{std::string(model->get_string()), std::move(*read)};
  }
  static Result<Wanted> ofKey(const std::string& key) {
    boost::system::error_code error;
    const auto parsed = json::parse(key, error);
    if (error || !parsed.is_object())
      return webpool::fail(ErrorCategory::NotFound, "no such model");
    return of(parsed.get_object());
  }
};

}  // namespace

struct NativeApi::State {
  State(ResourcePool& p, ServedModels& s, std::function<bool(const std::string&)> k)
      : pool(p),
        served(s),
        knows(std::move(k)),
        variants(
            {.names = [] { return std::vector<std::string>(); },
             .load = [this](const std::string& key,
                            std::stop_token stop) { return loadVariant(key, std::move(stop)); },
             .knows =
                 [this](const std::string& key) {
                   const auto wanted = Wanted::ofKey(key);
                   return wanted && knows(wanted->name);
                 }},
            true) {}

  Result<Model> loadVariant(const std::string& key, std::stop_token stop) {
    auto wanted = Wanted::ofKey(key);
    if (!wanted) return std::unexpected(wanted.error());
    makeRoom();
    wanted->options.stop = std::move(stop);
    return pool.load(wanted->name, wanted->options);
  }

  /// Forgets one that is loaded where there are too many; it comes back when it is called.
  void makeRoom() {
    std::vector<std::string> loaded;
    for (const auto& each : variants.list()) {
      if (each.model) loaded.push_back(each.name);
    }
    if (loaded.size() >= kVariants) (void)variants.unload(loaded.front());
  }

  void get(const Wanted& wanted, ServedModels::Done done) {
    if (wanted.isUsual()) return served.get(wanted.name, std::move(done));
    variants.get(wanted.key(), std::move(done));
  }
  /// Of the model that is loaded so; none where it is not.
  std::optional<std::string> dtypeOf(const Wanted& wanted) const {
    const auto found = wanted.isUsual() ? served.find(wanted.name) : variants.find(wanted.key());
    if (!found || !found->model) return std::nullopt;
    return found->model->info().dtype;
  }

  /// The name that the model goes by: the one that it is loaded by, else its own.
  std::string servedAs(const std::string& asked, const std::string& own) const {
    const auto found = served.find(asked);
    const bool there = found && found->state != ServedModel::State::Unloaded;
    return there || !knows(own) ? asked : own;
  }

  /// Off the loop thread.
  void inBackground(const Shared& exchange, std::function<void()> work) {
    if (asking.fetch_add(1) >= kAtOnce) {
      --asking;
      return exchange->fail({ErrorCategory::Busy, "too many programs ask at once", ""});
    }
    const bool runs = background.run([this, work = std::move(work)] {
      work();
      --asking;
    });
    if (runs) return;
    --asking;
    exchange->fail({ErrorCategory::Cancelled, "webpool ends", ""});
  }

  void describe(const Shared& exchange, Wanted wanted);
  void load(const Shared& exchange, Wanted wanted);
  void loaded(const Shared& exchange, const Wanted& wanted);
  static void answerLoaded(const Shared& exchange, const Wanted& wanted, const Result<Model>& model,
                           bool before);
  void run(const Shared& exchange, const Wanted& wanted, wire::Frame frame);
  void file(const Shared& exchange, const Wanted& wanted, std::string path);
  void capabilities(const Shared& exchange, std::string browser);
  void connections(const Shared& exchange);
  void serve(const Shared& exchange);

  ResourcePool& pool;
  ServedModels& served;
  const std::function<bool(const std::string&)> knows;
  std::atomic<unsigned> asking{0};
  pool::Background background;  ///< closed before the rest ends
  ServedModels variants;
};

void NativeApi::State::describe(const Shared& exchange, Wanted wanted) {
  inBackground(exchange, [this, exchange, wanted = std::move(wanted)]() mutable {
    wanted.options.stop = exchange->stop();
    const auto description = pool.describe(wanted.name, wanted.options);
    if (!description) return exchange->fail(description.error());
    respond(exchange, {{"description", toJson(*description)}});
  });
}

/// Two ways of asking for the same are one model: it is not loaded twice. The usual one may have
/// been lowered to what fits: then it is not what a caller who names a dtype gets.
void NativeApi::State::load(const Shared& exchange, Wanted wanted) {
  inBackground(exchange, [this, exchange, wanted = std::move(wanted)]() mutable {
    auto& options = wanted.options;
    const bool isOpen = options.dtype.empty() && options.precision == 0 && !options.mixedPrecision;
    options.mayLower = options.mayLower || isOpen;
    options.stop = exchange->stop();
    const auto asked = pool.describe(wanted.name, options);
    if (!asked) return exchange->fail(asked.error());
    options.stop = {};
    wanted.name = servedAs(wanted.name, asked->name);
    options.task = asked->task;
    options.dtype = asked->dtype;
    options.precision = 0;
    options.mixedPrecision = false;
    const auto usual = pool.describe(wanted.name, {});
    Wanted simplest{wanted.name, options};
    if (usual && usual->task == options.task && usual->dtype == options.dtype) {
      simplest.options.task.clear();
      simplest.options.dtype.clear();
      simplest.options.mayLower = false;
    }
    if (simplest.isUsual()) {
      if (options.mayLower) return loaded(exchange, simplest);
      const bool before = dtypeOf(simplest).has_value();
      return get(simplest, [this, exchange, simplest, wanted, before](const Result<Model>& model) {
        const bool lowered = model && model->info().dtype != wanted.options.dtype;
        if (lowered) return loaded(exchange, wanted);
        answerLoaded(exchange, simplest, model, before);
      });
    }
    auto likewise = wanted;
    likewise.options.mayLower = !options.mayLower;
    loaded(exchange, dtypeOf(likewise) == options.dtype ? likewise : wanted);
  });
}

void NativeApi::State::loaded(const Shared& exchange, const Wanted& wanted) {
  const bool before = dtypeOf(wanted).has_value();
  get(wanted, [exchange, wanted, before](const Result<Model>& model) {
    answerLoaded(exchange, wanted, model, before);
  });
}

void NativeApi::State::answerLoaded(const Shared& exchange, const Wanted& wanted,
                                    const Result<Model>& model, bool before) {
  if (!model) return exchange->fail(model.error());
  auto info = model->info();
  // This call took no time of the browser: all of it was there.
  if (before) info.timings = {.bytesCache = info.bytes};
  respond(exchange,
          {{"info", toJson(info)}, {"model", wanted.name}, {"options", toJson(wanted.options)}});
}

void NativeApi::State::run(const Shared& exchange, const Wanted& wanted, wire::Frame frame) {
  const auto* const how = frame.header.if_contains("run");
  auto read = fromJson<RunOptions>(how == nullptr ? json::value(nullptr) : *how);
  if (!read) return exchange->fail({ErrorCategory::InvalidInput, read.error().message, ""});
  auto options = std::move(*read);
  options.priority = std::clamp(options.priority, 1u, 1000u);
  options.timeout = std::clamp<std::chrono::milliseconds>(
      options.timeout, std::chrono::milliseconds(1), kLongestRun);
  options.stop = exchange->stop();
  options.caller = exchange->caller(options.caller);
  const auto* const streamed = frame.header.if_contains("stream");
  std::shared_ptr<Stream> stream;
  if (streamed != nullptr && *streamed == true) {
    stream = std::make_shared<Stream>(exchange);
    options.stop = stream->stop();
    options.onPartial = [stream](const PartialAnswer& part) {
      stream->part({{"part", toJson(part)}});
    };
  }
  auto inputs = std::make_shared<std::vector<Tensor>>(std::move(frame.inputs));
  get(wanted, [exchange, stream, options, inputs](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    model->runAsync(
        std::move(*inputs), options, [exchange, stream](const Result<Inference>& inference) {
          if (!inference) {
            return stream ? stream->fail(inference.error()) : exchange->fail(inference.error());
          }
          json::object header{{"inference", toJson(*inference)}};
          if (stream) return stream->end(std::move(header), inference->outputs);
          respond(exchange, std::move(header), inference->outputs);
        });
  });
}

void NativeApi::State::file(const Shared& exchange, const Wanted& wanted, std::string path) {
  get(wanted, [this, exchange, path = std::move(path)](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    inBackground(exchange, [exchange, path, model = *model] {
      const auto bytes = model.file(path);
      if (!bytes) return exchange->fail(bytes.error());
      const Tensor file{
          "file", DataType::Uint8, {static_cast<std::int64_t>(bytes->size())}, *bytes};
      respond(exchange, {}, std::span(&file, 1));
    });
  });
}

void NativeApi::State::capabilities(const Shared& exchange, std::string browser) {
  inBackground(exchange, [this, exchange, browser = std::move(browser)] {
    const auto found = pool.capabilities(browser);
    if (!found) return exchange->fail(found.error());
    respond(exchange, {{"capabilities", toJson(*found)}});
  });
}

void NativeApi::State::connections(const Shared& exchange) {
  json::array all;
  for (const auto& each : pool.connections()) all.push_back(toJson(each));
  json::array decisions;
  for (const auto& event : pool.scalingEvents()) decisions.push_back(toJson(event));
  json::array calls;
  for (const auto& each : pool.calls()) calls.push_back(toJson(each));
  respond(exchange, {{"connections", std::move(all)},
                     {"scaling_decisions", std::move(decisions)},
                     {"calls", std::move(calls)}});
}

void NativeApi::State::serve(const Shared& exchange) {
  const auto action = std::string(exchange->request().path).substr(kPrefix.size());
  auto frame = remote::unpack(exchange->request().body);
  if (!frame) return exchange->fail({ErrorCategory::InvalidInput, frame.error().message, ""});
  const auto text = [&](std::string_view key) {
    const auto* const value = frame->header.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                  : std::string();
  };
  if (action == "connections") return connections(exchange);
  if (action == "capabilities") return capabilities(exchange, text("browser"));
  if (action != "describe" && action != "load" && action != "run" && action != "file") {
    return exchange->fail({ErrorCategory::NotFound, "there is nothing at this path", ""});
  }
  auto wanted = Wanted::of(frame->header);
  if (!wanted) return exchange->fail(wanted.error());
  if (!knows(wanted->name)) {
    return exchange->fail({ErrorCategory::NotFound,
                           fmt::format("the server knows no model '{}'", wanted->name),
                           "`webpool models` lists those that there are where it runs"});
  }
  exchange->forModel(wanted->name);
  if (action == "describe") return describe(exchange, std::move(*wanted));
  if (action == "load") return load(exchange, std::move(*wanted));
  if (action == "file") return file(exchange, *wanted, text("path"));
  run(exchange, *wanted, std::move(*frame));
}

NativeApi::NativeApi(ResourcePool& pool, ServedModels& served,
                     std::function<bool(const std::string& name)> knows)
    : state_(std::make_unique<State>(pool, served, std::move(knows))) {}

NativeApi::~NativeApi() {
  state_->background.close();
}

void NativeApi::addRoutes(Front& front) {
  front.route(
      "GET", std::string(kPrefix.substr(0, kPrefix.size() - 1)), "webpool_server",
      [](const Shared& exchange) {
        exchange->respond(jsonResponse(
            200,
            json::serialize(json::object{
                {"name", "webpool"}, {"version", kVersion}, {"protocol", remote::kProtocol}})));
      },
      errorForm);
  front.route(
      "POST", std::string(kPrefix) + "*", "webpool_call",
      [state = state_.get()](const Shared& exchange) { state->serve(exchange); }, errorForm);
}

}  // namespace webpool::api::native

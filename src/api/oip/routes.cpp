#include "api/oip/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "api/oip/codec.h"
#include "api/oip/repository.h"
#include "api/percent.h"
#include "net/body_stream.h"
#include "pipelines/generation_json.h"
#include "pipelines/text_heads.h"
#include "tasks/chat.h"
#include "webpool/version.h"

namespace webpool::api::oip {
namespace {

namespace json = boost::json;
using Shared = std::shared_ptr<Exchange>;

struct Target {
  std::string model;
  std::string action;  ///< "", "ready", "infer", …
};

/// "{model}[/versions/1][/{action}]"; a model's name may hold slashes.
std::optional<Target> targetOf(std::string_view path, std::initializer_list<const char*> actions) {
  Target target;
  for (const std::string_view action : actions) {
    const auto at = path.size() - std::min(path.size(), action.size() + 1);
    if (path.substr(at).starts_with('/') && path.substr(at + 1) == action) {
      target.action = action;
      path = path.substr(0, at);
      break;
    }
  }
  if (const auto at = path.rfind("/versions/"); at != std::string_view::npos) {
    if (path.substr(at + 10) != "1") return std::nullopt;
    path = path.substr(0, at);
  }
  auto name = percentDecoded(path);
  if (!name || name->empty()) return std::nullopt;
  target.model = std::move(*name);
  return target;
}

const Error kNoSuchPath{ErrorCategory::NotFound, "there is nothing at this path",
                        "the only version of a model is 1"};

RunOptions runOptions(const Exchange& exchange, const Schedule& schedule) {
  RunOptions options;
  options.stop = exchange.stop();
  options.caller = exchange.caller(schedule.user);
  schedule.applyTo(options);
  return options;
}

/// One call, from its request to its answer.
struct Call {
  Shared exchange;
  std::string name;
  InferRequest request;
  std::vector<std::string> labels{};  ///< of the model's classes, where some are asked for
  std::string loweredFrom{};          ///< the model's
};

void answerInfer(const Call& call, const Result<Inference>& inference) {
  const auto& exchange = call.exchange;
  if (!inference) {
    return exchange->fail(inference.error());
  }
  auto answer = writeInfer(call.name, call.request, *inference, call.labels, call.loweredFrom);
  if (!answer) return exchange->fail(answer.error());
  auto response = jsonResponse(200, std::move(answer->body));
  if (answer->headerLength) {
    response.headers.set("Content-Type", "application/octet-stream");
    response.headers.set("Inference-Header-Content-Length", std::to_string(*answer->headerLength));
  }
  exchange->respond(std::move(response));
}

/// Tools as the page is to have them, with schemas that llama.cpp makes the right grammar of. One
/// that is named becomes the only one, as the page knows no other way.
Result<void> prepareTools(json::object& parameters) {
  GenerationOptions read;
  if (auto fits = pipelines::readTools(parameters, read); !fits) return fits;
  if (read.tools.empty()) return {};
  auto chat = tasks::chatParameters({.tools = read.tools});
  if (!chat) return std::unexpected(chat.error());
  parameters["tools"] = std::move(chat->at("tools"));
  if (const auto* choice = pipelines::given(parameters, "tool_choice");
      choice != nullptr && choice->is_object()) {
    parameters["tool_choice"] = "required";
  }
  return {};
}

void infer(ServedModels& models, const Shared& exchange, const std::string& name) {
  auto body = Bytes::adopt(std::move(exchange->request().body));
  auto parsed =
      parseInfer(body, exchange->request().headers.get("Inference-Header-Content-Length"));
  if (!parsed) return exchange->fail(parsed.error());
  const auto call = std::make_shared<Call>(exchange, name, std::move(*parsed));
  models.get(call->name, [call](const Result<Model>& model) {
    if (!model) return call->exchange->fail(model.error());
    call->exchange->forModel(call->name);
    auto& request = call->request;
    if (auto known = checkTaskParameters(model->info().task, request.parameters); !known) {
      return call->exchange->fail(known.error());
    }
    if (model->info().task == "text-generation") {
      if (auto right = prepareTools(request.parameters); !right) {
        return call->exchange->fail(right.error());
      }
    }
    if (std::ranges::any_of(request.outputs, &RequestedOutput::classes)) {
      auto config = pipelines::configOf(*model);
      if (!config) return call->exchange->fail(config.error());
      call->labels = std::move(config->labels);
    }
    call->loweredFrom = model->info().loweredFrom;
    auto options = runOptions(*call->exchange, request.schedule);
    if (!request.parameters.empty()) options.parameters = json::serialize(request.parameters);
    model->runAsync(std::exchange(request.inputs, {}), options,
                    [call](const Result<Inference>& inference) { answerInfer(*call, inference); });
  });
}

struct GenerateRequest {
  std::string text;
  json::object parameters;
  Schedule schedule;
};

/// Whether what the page is to be told makes sense: it would take what it can't read for missing.
Result<void> checkGeneration(json::object& parameters) {
  if (auto known = checkTaskParameters("text-generation", parameters); !known) return known;
  GenerationOptions read;
  for (auto* field : {pipelines::readStop, pipelines::readSampling}) {
    if (auto fits = field(parameters, read); !fits) return fits;
  }
  if (auto right = prepareTools(parameters); !right) return right;
  const auto topK = pipelines::wholeNumberOf(parameters, "top_k", 0, 1e6);
  if (!topK) return std::unexpected(topK.error());
  return {};
}

/// The path says whether the answer is streamed: what says the same changes nothing.
Result<void> takeStream(json::object& given, std::string_view field, bool stream) {
  const auto* const said = given.if_contains("stream");
  if (said == nullptr) return {};
  const bool agrees = said->is_null() || (said->is_bool() && said->get_bool() == stream);
  if (!agrees) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("{}: here only {}", field, stream ? "true" : "false"),
                "generate answers at once, generate_stream as it is made");
  }
  given.erase("stream");
  return {};
}

Result<GenerateRequest> parseGenerate(std::string_view body, bool stream) {
  boost::system::error_code error;
  auto parsed = json::parse(body, error);
  auto* const object = error ? nullptr : parsed.if_object();
  const auto* const text = object == nullptr ? nullptr : object->if_contains("text_input");
  if (text == nullptr || !text->is_string()) {
    return fail(ErrorCategory::InvalidInput, "the request is no JSON object with a text_input");
  }
  GenerateRequest request{std::string(text->get_string()), {}, {}};
  if (auto fits = takeStream(*object, "stream", stream); !fits) {
    return std::unexpected(fits.error());
  }
  for (const auto& [key, value] : *object) {
    if (key == "text_input" || key == "parameters" || key == "id") continue;
    return fail(ErrorCategory::InvalidInput,
                fmt::format("{}: there is no such field", std::string_view(key)),
                "how it is to be answered is said in parameters");
  }
  if (const auto* given = object->if_contains("parameters"); given && !given->is_null()) {
    if (!given->is_object()) return fail(ErrorCategory::InvalidInput, "parameters: no object");
    request.parameters = given->get_object();
  }
  if (auto fits = takeStream(request.parameters, "parameters.stream", stream); !fits) {
    return std::unexpected(fits.error());
  }
  auto schedule = takeSchedule(request.parameters);
  if (!schedule) return std::unexpected(schedule.error());
  request.schedule = std::move(*schedule);
  if (auto fits = checkGeneration(request.parameters); !fits) return std::unexpected(fits.error());
  request.parameters.emplace("max_tokens", 512);
  request.parameters.emplace("temperature", 0);
  return request;
}

std::string generateAnswer(const std::string& model, std::string_view text) {
  return json::serialize(
      json::object{{"model_name", model}, {"model_version", "1"}, {"text_output", text}});
}

/// An answer of generate_stream: server-sent events, each with what is new. Whichever comes first
/// stops it: the client leaves before the answer or within it, or the front ends.
class Events {
 public:
  Events(Shared exchange, std::string model)
      : exchange_(std::move(exchange)), model_(std::move(model)) {
    const std::function<void()> ask = [this] { stop_.request_stop(); };
    before_.emplace(exchange_->stop(), ask);
    within_.emplace(writer_.closed(), ask);
  }

  std::stop_token stop() const { return stop_.get_token(); }

  void part(std::string_view text) {
    begin();
    write(generateAnswer(model_, text));
  }
  void end() {
    begin();
    writer_.end();
  }
  /// With a status of its own where no part has gone before.
  void fail(const Error& error) {
    exchange_->fail(error);
    write(json::serialize(json::object{{"error", exchange_->told(error).describe()}}));
    writer_.end();
  }

 private:
  void begin() {
    net::Response response;  // the first one counts
    response.headers.set("Content-Type", "text/event-stream");
    response.body = writer_.body();
    exchange_->respond(std::move(response));
  }
  void write(const std::string& text) { writer_.write("data: " + text + "\n\n"); }

  using Callback = std::stop_callback<std::function<void()>>;
  Shared exchange_;
  const std::string model_;
  net::BodyWriter writer_;
  std::stop_source stop_;
  std::optional<Callback> before_, within_;
};

void runGenerate(const Model& model, const Shared& exchange, const std::string& name,
                 const GenerateRequest& request, bool stream) {
  if (model.info().task != "text-generation") {
    return exchange->fail({ErrorCategory::InvalidArgument,
                           fmt::format("{} is no model that generates text", name), ""});
  }
  auto input = tasks::messagesTensor({{"user", request.text}});
  if (!input) return exchange->fail(input.error());
  exchange->forModel(name);
  auto options = runOptions(*exchange, request.schedule);
  options.parameters = json::serialize(request.parameters);
  std::shared_ptr<Events> events;
  if (stream) {
    events = std::make_shared<Events>(exchange, name);
    options.stop = events->stop();
    options.onPartial = [events](const PartialAnswer& part) { events->part(part.text); };
  }
  model.runAsync({std::move(*input)}, options,
                 [exchange, events, name](const Result<Inference>& inference) {
                   Generation generation;
                   auto read = inference ? tasks::readAnswer(*inference, generation)
                                         : std::unexpected(inference.error());
                   if (!read) {
                     return events ? events->fail(read.error()) : exchange->fail(read.error());
                   }
                   if (events) return events->end();
                   exchange->respond(jsonResponse(200, generateAnswer(name, generation.text)));
                 });
}

void generate(ServedModels& models, const Shared& exchange, const std::string& name, bool stream) {
  auto request = parseGenerate(exchange->request().body, stream);
  if (!request) return exchange->fail(request.error());
  models.get(name,
             [exchange, name, stream, request = std::move(*request)](const Result<Model>& model) {
               if (!model) return exchange->fail(model.error());
               runGenerate(*model, exchange, name, request, stream);
             });
}

void repositoryIndex(const ServedModels& models, const Shared& exchange) {
  const auto onlyReady = parseIndex(exchange->request().body);
  if (!onlyReady) return exchange->fail(onlyReady.error());
  json::array list;
  for (const auto& served : models.list()) {
    if (*onlyReady && served.state != ServedModel::State::Ready) continue;
    const bool unloaded = served.state == ServedModel::State::Unloaded;
    list.push_back(json::object{{"name", served.name},
                                {"version", "1"},
                                {"state", stateName(served.state)},
                                {"reason", unloaded ? "unloaded" : served.reason}});
  }
  exchange->respond(jsonResponse(200, json::serialize(list)));
}

void repository(ServedModels& models, const Shared& exchange) {
  constexpr std::string_view kModels = "/v2/repository/models/";
  const auto& path = exchange->request().path;
  if (path == "/v2/repository/index") return repositoryIndex(models, exchange);
  const auto target = path.starts_with(kModels)
                          ? targetOf(path.substr(kModels.size()), {"load", "unload"})
                          : std::nullopt;
  if (!target || target->action.empty()) return exchange->fail(kNoSuchPath);
  const auto& body = exchange->request().body;
  const bool unloads = target->action == "unload";
  if (auto right = unloads ? parseUnload(body) : parseLoad(body); !right) {
    return exchange->fail(right.error());
  }
  if (unloads) {
    const auto done = models.unload(target->model);
    if (!done) return exchange->fail(done.error());
    return exchange->respond(jsonResponse(200, "{}"));
  }
  models.load(target->model, [exchange](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    exchange->respond(jsonResponse(200, "{}"));
  });
}

/// Of a name that ends as a path of another method does; none where that is no such path.
std::optional<net::Response> wrongMethod(std::string_view path) {
  const auto posted = targetOf(path, {"infer", "generate", "generate_stream"});
  if (!posted || posted->action.empty()) return std::nullopt;
  auto response = jsonResponse(
      405, json::serialize(json::object{{"error", fmt::format("{} takes POST", posted->action)}}));
  response.headers.set("Allow", "POST");
  return response;
}

void ofModel(ServedModels& models, const Shared& exchange) {
  const auto path = exchange->request().path.substr(11);
  const auto target = targetOf(path, {"ready", "config"});
  if (!target) return exchange->fail(kNoSuchPath);
  const auto served = models.find(target->model);
  if (!served) {
    if (auto wrong = wrongMethod(path)) return exchange->respond(std::move(*wrong));
    const auto statistics = targetOf(path, {"stats"});
    if (statistics && !statistics->action.empty()) return exchange->fail(kNoSuchPath);
  }
  if (!served) return exchange->fail(served.error());
  if (target->action == "ready") {
    const bool ready = served->model.has_value();
    return exchange->respond(jsonResponse(ready ? 200 : 503, "{}"));
  }
  models.get(target->model, [exchange, target = *target](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    const auto told = target.action == "config" ? config(target.model, model->info())
                                                : metadata(target.model, model->info());
    exchange->respond(jsonResponse(200, json::serialize(told)));
  });
}

}  // namespace

void addRoutes(Front& front, ServedModels& models) {
  front.route("GET", "/v2", "oip_server", [](const Shared& exchange) {
    exchange->respond(jsonResponse(
        200, json::serialize(json::object{
                 {"name", "webpool"},
                 {"version", kVersion},
                 {"extensions",
                  {"binary_tensor_data", "classification", "model_configuration",
                   "model_repository", "schedule_policy", "generate", "parameters"}}})));
  });
  front.route(
      "GET", "/v2/health/live", "oip_live",
      [](const Shared& exchange) { exchange->respond(jsonResponse(200, "{}")); }, plainError, true);
  front.route(
      "GET", "/v2/health/ready", "oip_ready",
      [&models](const Shared& exchange) {
        exchange->respond(jsonResponse(models.ready() ? 200 : 503, "{}"));
      },
      plainError, true);
  front.route("GET", "/v2/models/*", "oip_model",
              [&models](const Shared& exchange) { ofModel(models, exchange); });
  front.route("POST", "/v2/models/*", "oip_infer", [&models](const Shared& exchange) {
    const auto target =
        targetOf(exchange->request().path.substr(11), {"infer", "generate", "generate_stream"});
    if (!target || target->action.empty()) return exchange->fail(kNoSuchPath);
    if (target->action == "infer") return infer(models, exchange, target->model);
    generate(models, exchange, target->model, target->action == "generate_stream");
  });
  front.route("POST", "/v2/repository/*", "oip_repository",
              [&models](const Shared& exchange) { repository(models, exchange); });
}

}  // namespace webpool::api::oip

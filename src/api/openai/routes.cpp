#include "api/openai/routes.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "api/openai/chat.h"
#include "api/openai/embeddings.h"
#include "api/openai/errors.h"
#include "net/body_stream.h"
#include "pool/texts.h"
#include "tasks/chat.h"

namespace webpool::api::openai {
namespace {

namespace json = boost::json;
using Shared = std::shared_ptr<Exchange>;

net::Response errorForm(const Error& error, int status) {
  return jsonResponse(status, errorBody(error));
}

Error wrongTask(const ModelInfo& info, std::string_view wanted) {
  return {ErrorCategory::InvalidArgument,
          fmt::format("the model '{}' is for {}, not for {}", info.name, info.task, wanted),
          "GET /v1/models lists what is served"};
}

void runEmbeddings(const Model& model, const Shared& exchange, EmbeddingRequest request) {
  if (model.info().task != "text-embedding") {
    return exchange->fail(wrongTask(model.info(), "text-embedding"));
  }
  exchange->forModel(request.model);
  if (auto checked = pool::checkTexts(request.texts); !checked) {
    return exchange->fail(checked.error());
  }
  RunOptions options;
  options.stop = exchange->stop();
  auto input = pool::textTensor(request.texts);
  model.runAsync({std::move(input)}, options,
                 [exchange, request = std::move(request)](Result<Inference> answer) {
                   if (!answer) return exchange->fail(answer.error());
                   auto vectors = pool::embeddingsOf(*answer, request.texts.size());
                   if (!vectors) return exchange->fail(vectors.error());
                   exchange->respond(jsonResponse(200, embeddingsBody(request, *vectors)));
                 });
}

void embeddings(ServedModels& models, const Shared& exchange) {
  auto request = parseEmbeddings(exchange->request().body);
  if (!request) return exchange->fail(request.error());
  const auto name = request->model;
  models.get(name, [exchange, request = std::move(*request)](const Result<Model>& model) mutable {
    if (!model) return exchange->fail(model.error());
    runEmbeddings(*model, exchange, std::move(request));
  });
}

/// An answer that is streamed as events.
struct Stream {
  net::BodyWriter writer;
  ChatAnswer answer;
  bool includeUsage = false;
  std::stop_source stop;
  std::atomic<bool> begun{false};
  using Callback = std::stop_callback<std::function<void()>>;
  std::optional<Callback> before, within;  ///< the client leaves before the answer, or within it

  void begin(Exchange& exchange) {
    if (begun.exchange(true)) return;
    net::Response response;
    response.headers.set("Content-Type", "text/event-stream");
    response.headers.set("Cache-Control", "no-store");
    response.body = writer.body();
    exchange.respond(std::move(response));
    writer.write(chatBegin(answer));
  }
};

ChatAnswer answerTo(const Exchange& exchange, const std::string& model) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {"chatcmpl-" + exchange.id(), model,
          std::chrono::duration_cast<std::chrono::seconds>(now).count()};
}

void endStream(const Shared& exchange, Stream& stream, const Result<Generation>& generation) {
  if (!generation && !stream.begun) return exchange->fail(generation.error());
  stream.begin(*exchange);
  // A client of a stream that has begun reads of a failure as of one more event.
  stream.writer.write(generation ? chatEnd(stream.answer, *generation, stream.includeUsage)
                                 : fmt::format("data: {}\n\n", errorBody(generation.error())));
  stream.writer.end();
}

Result<Generation> generationOf(const Result<Inference>& inference) {
  if (!inference) return std::unexpected(inference.error());
  Generation generation;
  if (auto read = tasks::readAnswer(*inference, generation); !read) {
    return std::unexpected(read.error());
  }
  return generation;
}

void runChat(const Model& model, const Shared& exchange, const ChatRequest& request) {
  const auto& info = model.info();
  if (info.task != "text-generation") {
    return exchange->fail(wrongTask(info, "text-generation"));
  }
  exchange->forModel(request.model);
  auto input = tasks::messagesTensor(request.messages);
  if (!input) return exchange->fail(input.error());
  auto parameters = tasks::chatParameters(request.generation);
  if (!parameters) return exchange->fail(parameters.error());
  if (info.language) {
    if (auto fits = tasks::checkLength(request.messages, *info.language); !fits) {
      return exchange->fail(fits.error());
    }
  }
  RunOptions options;
  options.parameters = json::serialize(*parameters);
  options.conversation = request.generation.conversation;
  options.stop = exchange->stop();
  const auto answer = answerTo(*exchange, request.model);
  if (!request.stream) {
    model.runAsync({std::move(*input)}, options,
                   [exchange, answer](const Result<Inference>& inference) {
                     const auto generation = generationOf(inference);
                     if (!generation) return exchange->fail(generation.error());
                     exchange->respond(jsonResponse(200, chatBody(answer, *generation)));
                   });
    return;
  }
  auto stream = std::make_shared<Stream>();
  stream->answer = answer;
  stream->includeUsage = request.includeUsage;
  const std::function<void()> ask = [stop = stream->stop]() mutable { stop.request_stop(); };
  stream->before.emplace(exchange->stop(), ask);
  stream->within.emplace(stream->writer.closed(), ask);
  options.stop = stream->stop.get_token();
  options.onPartial = [exchange, stream](const PartialAnswer& part) {
    stream->begin(*exchange);
    if (!part.text.empty()) stream->writer.write(chatText(stream->answer, part.text));
  };
  model.runAsync({std::move(*input)}, options,
                 [exchange, stream](const Result<Inference>& inference) {
                   endStream(exchange, *stream, generationOf(inference));
                 });
}

void chat(ServedModels& models, const Shared& exchange) {
  auto request = parseChat(exchange->request().body);
  if (!request) return exchange->fail(request.error());
  const auto name = request->model;
  models.get(name, [exchange, request = std::move(*request)](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    runChat(*model, exchange, request);
  });
}

json::object modelObject(const std::string& name) {
  return {{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "webpool"}};
}

void listModels(const ServedModels& models, const Shared& exchange) {
  json::array data;
  for (const auto& served : models.list()) data.push_back(modelObject(served.name));
  exchange->respond(jsonResponse(
      200, json::serialize(json::object{{"object", "list"}, {"data", std::move(data)}})));
}

void oneModel(const ServedModels& models, const Shared& exchange) {
  constexpr std::string_view kModels = "/v1/models/";
  const auto name = exchange->request().path.substr(kModels.size());
  const auto served = models.find(name);
  if (!served) return exchange->fail(served.error());
  exchange->respond(jsonResponse(200, json::serialize(modelObject(served->name))));
}

}  // namespace

void addRoutes(Front& front, ServedModels& models) {
  front.route(
      "POST", "/v1/embeddings", "openai_embeddings",
      [&models](const Shared& exchange) { embeddings(models, exchange); }, errorForm);
  front.route(
      "POST", "/v1/chat/completions", "openai_chat",
      [&models](const Shared& exchange) { chat(models, exchange); }, errorForm);
  front.route(
      "GET", "/v1/models", "openai_models",
      [&models](const Shared& exchange) { listModels(models, exchange); }, errorForm);
  front.route(
      "GET", "/v1/models/*", "openai_model",
      [&models](const Shared& exchange) { oneModel(models, exchange); }, errorForm);
}

}  // namespace webpool::api::openai

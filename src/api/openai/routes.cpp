#include "api/openai/routes.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "api/openai/embeddings.h"
#include "api/openai/errors.h"
#include "api/openai/route_parts.h"
#include "api/percent.h"
#include "pool/texts.h"

namespace webpool::api::openai {

namespace json = boost::json;

net::Response errorForm(const Error& error, int /*status*/) {
  auto response = jsonResponse(statusOf(error.category), errorBody(error));
  // OpenAI's clients try every status from 500 on again, unless they are told.
  if (error.category == ErrorCategory::OutOfMemory) response.headers.set("X-Should-Retry", "false");
  return response;
}

Error wrongTask(const ModelInfo& info, std::string_view wanted) {
  return {ErrorCategory::InvalidArgument,
          fmt::format("the model '{}' is for {}, not for {}", info.name, info.task, wanted),
          "GET /v1/models lists what is served"};
}

AnswerHead answerTo(const Exchange& exchange, std::string_view kind, const std::string& model) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {fmt::format("{}-{}", kind, exchange.id()), model,
          std::chrono::duration_cast<std::chrono::seconds>(now).count()};
}

namespace {

void runEmbeddings(const Model& model, const Shared& exchange, EmbeddingRequest request) {
  if (model.info().task != "text-embedding") {
    return exchange->fail(wrongTask(model.info(), "text-embedding"));
  }
  exchange->forModel(request.model);
  if (auto checked = pool::checkTexts(request.texts); !checked) {
    auto error = checked.error();
    error.message = "input: " + error.message;
    return exchange->fail(error);
  }
  RunOptions options;
  options.stop = exchange->stop();
  options.caller = exchange->caller(request.user);
  auto input = pool::textTensor(request.texts);
  model.runAsync({std::move(input)}, options,
                 [exchange, request = std::move(request)](Result<Inference> answer) {
                   if (!answer) return exchange->fail(answer.error());
                   auto vectors = pool::embeddingsOf(*answer, request.texts.size());
                   if (!vectors) return exchange->fail(vectors.error());
                   if (auto fits = checkDimensions(request, *vectors); !fits) {
                     return exchange->fail(fits.error());
                   }
                   if (auto whole = checkLengths(*vectors); !whole) {
                     return exchange->fail(whole.error());
                   }
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
  const auto name =
      percentDecoded(std::string_view(exchange->request().path).substr(kModels.size()));
  const auto served = models.find(name.value_or(""));
  if (!served) return exchange->fail(served.error());
  exchange->respond(jsonResponse(200, json::serialize(modelObject(served->name))));
}

}  // namespace

void addRoutes(Front& front, ServedModels& models) {
  front.route(
      "POST", "/v1/embeddings", "openai_embeddings",
      [&models](const Shared& exchange) { embeddings(models, exchange); }, errorForm);
  front.route(
      "GET", "/v1/models", "openai_models",
      [&models](const Shared& exchange) { listModels(models, exchange); }, errorForm);
  front.route(
      "GET", "/v1/models/*", "openai_model",
      [&models](const Shared& exchange) { oneModel(models, exchange); }, errorForm);
  addGenerationRoutes(front, models);
  addAudioRoutes(front, models);
}

}  // namespace webpool::api::openai

#include "api/tei/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "api/tei/embed.h"
#include "pool/texts.h"

namespace webpool::api::tei {
namespace {

using Shared = std::shared_ptr<Exchange>;

constexpr std::string_view kTask = "text-embedding";

net::Response errorForm(const Error& error, int /*status*/) {
  return jsonResponse(statusOf(error.category), errorBody(error));
}

/// The model that embeds texts: one that is loaded before one that may be.
void withModel(ServedModels& models, const Shared& exchange,
               const std::function<void(const Model&)>& then) {
  const auto name = models.forTask(kTask);
  if (!name) {
    return exchange->fail({ErrorCategory::NotFound, "no model that embeds texts is served",
                           "start webpool serve with --model all-minilm-l6-v2"});
  }
  models.get(*name, [exchange, name, then](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    exchange->forModel(*name);
    then(*model);
  });
}

Error tooLong(std::size_t text) {
  return {ErrorCategory::InvalidInput,
          fmt::format("inputs: text {} is longer than the model reads", text + 1),
          "shorten it, or set truncate"};
}

void answer(const Shared& exchange, const EmbedRequest& request,
            const Result<Inference>& inference) {
  if (!inference) return exchange->fail(inference.error());
  if (!request.truncate) {
    const auto cut = pool::cutTexts(*inference);
    const auto first = std::ranges::find(cut, true);
    if (first != cut.end()) {
      return exchange->fail(tooLong(static_cast<std::size_t>(first - cut.begin())));
    }
  }
  const auto embeddings = pool::embeddingsOf(*inference, request.texts.size());
  if (!embeddings) return exchange->fail(embeddings.error());
  exchange->respond(jsonResponse(200, embedBody(*embeddings)));
}

void embed(ServedModels& models, const Shared& exchange) {
  auto parsed = parseEmbed(exchange->request().body);
  if (!parsed) return exchange->fail(parsed.error());
  auto request = std::make_shared<const EmbedRequest>(std::move(*parsed));
  if (auto checked = pool::checkTexts(request->texts); !checked) {
    return exchange->fail(checked.error());
  }
  withModel(models, exchange, [exchange, request](const Model& model) {
    RunOptions options;
    options.stop = exchange->stop();
    options.caller = exchange->caller();
    auto parameters = pool::embeddingParameters();
    parameters["normalize"] = request->normalize;
    options.parameters = boost::json::serialize(parameters);
    model.runAsync({pool::textTensor(request->texts)}, options,
                   [exchange, request](const Result<Inference>& inference) {
                     answer(exchange, *request, inference);
                   });
  });
}

}  // namespace

void addRoutes(Front& front, ServedModels& models) {
  front.route(
      "POST", "/embed", "tei_embed", [&models](const Shared& exchange) { embed(models, exchange); },
      errorForm);
  front.route(
      "GET", "/info", "tei_info",
      [&models](const Shared& exchange) {
        withModel(models, exchange, [exchange](const Model& model) {
          exchange->respond(jsonResponse(200, infoBody(model.info())));
        });
      },
      errorForm);
  front.route(
      "GET", "/health", "tei_health",
      [&models](const Shared& exchange) {
        exchange->respond(jsonResponse(models.ready() ? 200 : 503, "{}"));
      },
      errorForm, true);
}

}  // namespace webpool::api::tei

#include <fmt/format.h>

#include <span>
#include <utility>

#include "api/openai/route_parts.h"
#include "api/openai/transcription.h"
#include "api/workers.h"

namespace webpool::api::openai {
namespace {

constexpr unsigned kAtOnce = 4;
constexpr std::size_t kWaiting = 64;

constexpr std::string_view kTask = "automatic-speech-recognition";

/// Blocks for as long as the whole sound takes.
void transcribeNow(const Model& model, const Shared& exchange,
                   const TranscriptionRequest& request) {
  const auto sound = decodeSound(std::as_bytes(std::span(request.file)));
  if (!sound) return exchange->fail(sound.error());
  RunOptions options;
  options.stop = exchange->stop();
  options.caller = exchange->caller();
  const auto said = transcribe(model, *sound, {.language = request.language}, options);
  if (!said) return exchange->fail(said.error());
  net::Response response;
  response.headers.set("Content-Type", std::string(contentTypeOf(request.form)));
  response.body = transcriptBody(request.form, *said, sound->seconds());
  exchange->respond(std::move(response));
}

void transcription(ServedModels& models, const std::shared_ptr<Workers>& workers,
                   const Shared& exchange) {
  const auto& asked = exchange->request();
  auto request = parseTranscription(asked.headers.get("Content-Type"), asked.body);
  if (!request) return exchange->fail(request.error());
  const auto name = request->model;
  models.get(name, [&models, exchange, workers,
                    request = std::move(*request)](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    exchange->forModel(request.model);
    if (model->info().task != kTask) return exchange->fail(wrongTask(model->info(), kTask));
    auto waits = models.waitBefore(request.model);
    const bool taken = workers->run([exchange, model = *model, request, waits]() mutable {
      waits.reset();
      if (exchange->stop().stop_requested()) {
        return exchange->fail({ErrorCategory::Cancelled, "nobody waits for the transcript", ""});
      }
      guarded(exchange, [&] { transcribeNow(model, exchange, request); });
    });
    if (!taken)
      exchange->fail({ErrorCategory::Busy, "too many transcriptions wait", "try again later"});
  });
}

}  // namespace

void addAudioRoutes(Front& front, ServedModels& models) {
  front.route(
      "POST", "/v1/audio/transcriptions", "openai_transcriptions",
      [&models, workers = std::make_shared<Workers>(kAtOnce, kWaiting)](const Shared& exchange) {
        transcription(models, workers, exchange);
      },
      errorForm);
}

}  // namespace webpool::api::openai

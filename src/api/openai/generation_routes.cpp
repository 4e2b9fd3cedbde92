#include <fmt/format.h>

#include <array>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "api/openai/chat.h"
#include "api/openai/completions.h"
#include "api/openai/errors.h"
#include "api/openai/route_parts.h"
#include "base/random.h"
#include "net/body_stream.h"
#include "tasks/chat.h"

namespace webpool::api::openai {
namespace {

/// How one of the two endpoints writes its answers.
struct Form {
  std::function<std::string(const Generation&)> whole;
  std::string begin;  ///< of the events; may be empty
  std::function<std::string(std::string_view)> text;
  std::function<std::string(const Generation&)> end;
};

struct Asked {
  std::vector<Message> messages;
  GenerationOptions generation;
  bool stream = false;
  std::string user;
  Form form;
};

/// What is wrong with what is to be answered, with the field that holds it.
Error named(const Asked& asked, Error error) {
  error.message = (asked.generation.raw ? "prompt: " : "messages: ") + error.message;
  return error;
}

/// An answer that is streamed as events.
struct Stream {
  net::BodyWriter writer;
  Form form;
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
    if (!form.begin.empty()) writer.write(form.begin);
  }
};

void endStream(const Shared& exchange, Stream& stream, const Result<Generation>& generation) {
  if (!generation && !stream.begun) return exchange->fail(generation.error());
  stream.begin(*exchange);
  // A client of a stream that has begun reads of a failure as of one more event.
  stream.writer.write(
      generation ? stream.form.end(*generation)
                 : fmt::format("data: {}\n\n", errorBody(exchange->told(generation.error()))));
  stream.writer.end();
}

std::string callId() {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::array<std::byte, 24> bytes{};
  base::systemRandom()(bytes);
  std::string id = "call_";
  for (const auto byte : bytes) id += kDigits[std::to_integer<std::size_t>(byte) % kDigits.size()];
  return id;
}

Result<Generation> generationOf(const Result<Inference>& inference) {
  if (!inference) return std::unexpected(inference.error());
  Generation generation;
  if (auto read = tasks::readAnswer(*inference, generation); !read) {
    return std::unexpected(read.error());
  }
  // The page's own are unique within one answer only, and clients keep them over many.
  for (auto& call : generation.toolCalls) call.id = callId();
  return generation;
}

void runStream(const Model& model, const Shared& exchange, Tensor input, RunOptions options,
               Form form) {
  auto stream = std::make_shared<Stream>();
  stream->form = std::move(form);
  const std::function<void()> ask = [stop = stream->stop]() mutable { stop.request_stop(); };
  stream->before.emplace(exchange->stop(), ask);
  stream->within.emplace(stream->writer.closed(), ask);
  options.stop = stream->stop.get_token();
  options.onPartial = [exchange, stream](const PartialAnswer& part) {
    stream->begin(*exchange);
    if (!part.text.empty()) stream->writer.write(stream->form.text(part.text));
  };
  model.runAsync({std::move(input)}, options,
                 [exchange, stream](const Result<Inference>& inference) {
                   endStream(exchange, *stream, generationOf(inference));
                 });
}

void run(const Model& model, const Shared& exchange, const Asked& asked) {
  const auto& info = model.info();
  if (info.task != "text-generation") {
    return exchange->fail(wrongTask(info, "text-generation"));
  }
  auto input = tasks::messagesTensor(asked.messages);
  if (!input) return exchange->fail(named(asked, input.error()));
  auto parameters = tasks::chatParameters(asked.generation);
  if (!parameters) return exchange->fail(parameters.error());
  if (info.language) {
    if (auto fits = tasks::checkLength(asked.messages, *info.language); !fits) {
      return exchange->fail(named(asked, fits.error()));
    }
  }
  RunOptions options;
  options.parameters = boost::json::serialize(*parameters);
  options.conversation = asked.generation.conversation;
  options.stop = exchange->stop();
  options.caller = exchange->caller(asked.user);
  if (asked.stream) {
    return runStream(model, exchange, std::move(*input), std::move(options), asked.form);
  }
  model.runAsync({std::move(*input)}, options,
                 [exchange, whole = asked.form.whole](const Result<Inference>& inference) {
                   const auto generation = generationOf(inference);
                   if (!generation) return exchange->fail(generation.error());
                   exchange->respond(jsonResponse(200, whole(*generation)));
                 });
}

void ask(ServedModels& models, const Shared& exchange, const std::string& name, Asked asked) {
  // What can't be asked of any model needs none to be loaded.
  if (auto right = tasks::chatParameters(asked.generation); !right) {
    return exchange->fail(right.error());
  }
  models.get(name, [exchange, name, asked = std::move(asked)](const Result<Model>& model) {
    if (!model) return exchange->fail(model.error());
    exchange->forModel(name);
    run(*model, exchange, asked);
  });
}

void chat(ServedModels& models, const Shared& exchange) {
  auto request = parseChat(exchange->request().body);
  if (!request) return exchange->fail(request.error());
  const auto head = answerTo(*exchange, "chatcmpl", request->model);
  Form form{.whole = [head](const Generation& said) { return chatBody(head, said); },
            .begin = chatBegin(head),
            .text = [head](std::string_view text) { return chatText(head, text); },
            .end = [head, usage = request->includeUsage](
                       const Generation& said) { return chatEnd(head, said, usage); }};
  ask(models, exchange, request->model,
      {std::move(request->messages), std::move(request->generation), request->stream,
       std::move(request->user), std::move(form)});
}

void completion(ServedModels& models, const Shared& exchange) {
  auto request = parseCompletion(exchange->request().body);
  if (!request) return exchange->fail(request.error());
  const auto head = answerTo(*exchange, "cmpl", request->model);
  Form form{.whole = [head](const Generation& said) { return completionBody(head, said); },
            .begin = {},
            .text = [head](std::string_view text) { return completionText(head, text); },
            .end = [head, usage = request->includeUsage](
                       const Generation& said) { return completionEnd(head, said, usage); }};
  ask(models, exchange, request->model,
      {{{"user", std::move(request->prompt)}},
       std::move(request->generation),
       request->stream,
       std::move(request->user),
       std::move(form)});
}

}  // namespace

void addGenerationRoutes(Front& front, ServedModels& models) {
  front.route(
      "POST", "/v1/chat/completions", "openai_chat",
      [&models](const Shared& exchange) { chat(models, exchange); }, errorForm);
  front.route(
      "POST", "/v1/completions", "openai_completions",
      [&models](const Shared& exchange) { completion(models, exchange); }, errorForm);
}

}  // namespace webpool::api::openai

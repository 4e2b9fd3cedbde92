// Models that a backend outside the browsers runs.
#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "bridge/adapter.h"
#include "bridge/request.h"

namespace webpool::bridge {
namespace {

namespace json = boost::json;

class OwnAdapter final : public Adapter {
 public:
  OwnAdapter(OwnBackend backend, BackendRun run)
      : backend_(std::move(backend)), run_(std::move(run)) {}

  Result<Answer> run(const Content& content, const RunOptions& options) const override {
    const auto began = std::chrono::steady_clock::now();
    auto said = run_(content, options.stop);
    if (!said) return std::unexpected(said.error());
    const auto took = std::chrono::steady_clock::now() - began;
    Answer answer{std::move(said->output), std::move(said->tensors), {}, {}, backend_};
    answer.timings.runMs = std::chrono::duration<double, std::milli>(took).count();
    answer.timings.totalMs = answer.timings.runMs;
    if (!answer.output.empty()) {
      boost::system::error_code broken;
      json::parse(answer.output, broken);
      if (!broken) return stream(std::move(answer), content);
      return fail(ErrorCategory::Internal,
                  "the backend '" + backend_.name + "' gave an output that is no JSON",
                  "it is to give JSON, which has neither NaN nor infinity, or tensors");
    }
    answer.output = outputsJson(answer.tensors);
    return stream(std::move(answer), content);
  }

 private:
  /// Who waits for an answer as it comes gets it as the one piece that it is.
  Result<Answer> stream(Answer answer, const Content& content) const {
    const auto* request = std::get_if<GenerationRequest>(&content);
    if (request == nullptr || !request->onText) return answer;
    if (const auto text = wholeText(answer.output)) {
      request->onText(*text);
      return answer;
    }
    return fail(ErrorCategory::Unsupported,
                "the backend '" + backend_.name + "' gave an answer without a text",
                "call the model without a stream, or let the backend give a text, or an object "
                "with \"text\"");
  }

  OwnBackend backend_;
  BackendRun run_;
};

}  // namespace

std::unique_ptr<Adapter> makeOwnAdapter(OwnBackend backend, BackendRun run) {
  return std::make_unique<OwnAdapter>(std::move(backend), std::move(run));
}

}  // namespace webpool::bridge

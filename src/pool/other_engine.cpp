#include "pool/other_engine.h"

#include <fmt/format.h>

#include <utility>

#include "browsers/browser_kind.h"
#include "pool/backend_choice.h"

namespace webpool::pool {

std::optional<std::string> otherEngineThan(std::string_view browser,
                                           const std::vector<std::string>& names) {
  const auto* own = browsers::browserKind(browser);
  if (own == nullptr) return std::nullopt;
  for (const auto& name : names) {
    const auto* kind = browsers::browserKind(name);
    if (kind != nullptr && kind->engine != own->engine) return name;
  }
  return std::nullopt;
}

OtherEngine::OtherEngine(std::shared_ptr<Engine> engine,
                         std::shared_ptr<const ResolvedModel> source, ModelOptions options,
                         std::string browser)
    : engine_(std::move(engine)),
      source_(std::move(source)),
      options_(std::move(options)),
      browser_(std::move(browser)) {}

OtherEngine::~OtherEngine() {
  if (loaded_) engine_->unload(loaded_);
}

Result<std::vector<Tensor>> OtherEngine::run(const std::vector<Tensor>& inputs,
                                             const boost::json::object& parameters,
                                             const std::stop_token& stop) {
  std::shared_ptr<const void> claim;  // until the model is there
  if (!loaded_) {
    auto connected = engine_->connect({.browser = browser_}, stop);
    if (!connected) return std::unexpected(connected.error());
    const auto& connection = connected->connection;
    claim = std::move(connected->claim);
    const auto threads = chooseThreads(engine_->options().wasmThreads,
                                       connection->facts().capabilities, engine_->coresForModel());
    loaded_ = engine_->newWorker(source_, connection, Backend::Wasm, threads);
  }
  if (!loaded_->isResident()) {
    auto wanted = options_;
    wanted.progress = nullptr;
    wanted.stop = stop;
    if (auto outcome = engine_->loadOnPage(loaded_, wanted, false); !outcome) {
      return std::unexpected(outcome.error());
    }
  }
  auto result =
      engine_->runAndWait(loaded_, inputs, parameters, {.timeout = options_.timeout, .stop = stop});
  if (!result) return std::unexpected(result.error());
  return std::move(result->outputs);
}

void OtherEngine::gatePassed() {
  engine_->gatePassed(loaded_);
}

std::string OtherEngine::label() const {
  const auto what = combination();
  return fmt::format("wasm of {} {}", what.browser, what.version);
}

Combination OtherEngine::combination() const {
  const auto capabilities = loaded_->connection->facts().capabilities;
  return {combinedName(source_->description),
          source_->description.dtype,
          std::string(backendName(Backend::Wasm)),
          capabilities.browser,
          capabilities.version,
          ""};
}

}  // namespace webpool::pool

// The engine's calls about models: load, run, echo, unload.
#include <fmt/format.h>

#include <utility>

#include "pool/convert.h"
#include "pool/engine.h"

namespace webpool::pool {
namespace {

std::vector<wire::FileEntry> fileEntries(const ResolvedModel& model) {
  std::vector<wire::FileEntry> entries;
  for (const auto& file : model.files) {
    // A model that is a single file has no path below its root.
    entries.push_back({file.path.empty() ? "model.onnx" : file.path, file.cid.text(), file.size});
  }
  return entries;
}

Error lostError() {
  return {ErrorCategory::WorkerLost, "the model is no longer in the browser",
          "call again: the pool loads it anew"};
}

/// What ends a run early. The deadline is kept here and not by the session: a run that is too late
/// is cancelled, and its answer comes when the page has told which models that cost.
struct EarlyEnd {
  std::optional<std::stop_callback<std::function<void()>>> stop;
  net::Timer deadline;
  bool late = false;
};

}  // namespace

Result<LoadOutcome> Engine::loadOnPage(const std::shared_ptr<Loaded>& model,
                                       const ModelOptions& options, bool warmUp) {
  const auto deadline = base::SystemClock().now() + options.timeout;
  auto browser = connect(options.stop);
  if (!browser) return std::unexpected(browser.error());

  auto pending = std::make_shared<Pending<wire::Loaded>>();
  auto id = std::make_shared<std::atomic<session::RequestId>>(0);
  loop_.post([this, pending, id, model, options, deadline, warmUp] {
    if (closed_) {
      pending->set(std::unexpected(closedError()));
      return;
    }
    wire::Load load{.id = 0,
                    .model = model->handle,
                    .name = model->source.description.name,
                    .root = model->source.description.cid,
                    .files = fileEntries(model->source),
                    .task = model->source.description.task,
                    .backend = toWire(model->backend),
                    .dtype = model->source.description.dtype,
                    .threads = model->threads,
                    .options = {}};
    if (!warmUp) load.options["warmup_runs"] = 0;
    PageHub::OnProgress progress;
    if (options.progress) {
      progress = [callback = options.progress](const wire::Progress& at) {
        const bool bytes = at.phase == wire::LoadPhase::Fetch;
        callback({std::string(wire::loadPhaseName(at.phase)), at.file, bytes ? at.loaded : 0,
                  bytes ? at.total : 0});
      };
    }
    const auto incarnation = incarnation_;
    auto sent = hub_->submit(
        session_, std::move(load), deadline,
        [this, pending, model, incarnation](Result<session::Answer> answer) {
          if (!answer) {
            pending->set(std::unexpected(std::move(answer.error())));
            return;
          }
          model->incarnation = incarnation;
          held_[model->handle] = model;
          pending->set(std::get<wire::Loaded>(std::move(*answer)));
        },
        std::move(progress));
    if (!sent) {
      pending->set(std::unexpected(sent.error()));
      return;
    }
    log_->debug("load sent: {} on {}", model->source.description.name, backendName(model->backend));
    *id = *sent;
  });
  const std::stop_callback cancel(
      options.stop, [this, id] { loop_.post([this, id] { hub_->cancel(session_, *id); }); });
  auto answer = pending->wait(options.stop);
  if (!answer) return std::unexpected(answer.error());
  log_->debug("model ready: {}", model->source.description.name);
  return LoadOutcome{std::move(*answer), std::move(*browser), lastLaunchMs_};
}

void Engine::run(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
                 boost::json::object parameters, const RunOptions& options,
                 std::function<void(Result<wire::RunResult>)> done) {
  loop_.post([this, model, inputs = std::move(inputs), parameters = std::move(parameters), options,
              done = std::move(done)]() mutable {
    if (closed_) {
      done(std::unexpected(closedError()));
      return;
    }
    if (!isResident(model)) {
      done(std::unexpected(lostError()));
      return;
    }
    auto early = std::make_shared<EarlyEnd>();
    auto answered = [early, done](Result<session::Answer> answer) {
      early->stop.reset();
      early->deadline.cancel();
      if (answer) {
        done(std::get<wire::RunResult>(std::move(*answer)));
      } else if (early->late && answer.error().category == ErrorCategory::Cancelled) {
        done(fail(ErrorCategory::Timeout, "the run was not done by its deadline",
                  "allow more time, or give it less work"));
      } else {
        done(std::unexpected(std::move(answer.error())));
      }
    };
    const auto sent = hub_->submit(
        session_, wire::Run{0, model->handle, std::move(inputs), std::move(parameters)},
        std::nullopt, std::move(answered));
    if (!sent) {
      done(std::unexpected(sent.error()));
      return;
    }
    early->deadline = loop_.callAfter(options.timeout, [this, id = *sent, early = early.get()] {
      early->late = true;
      hub_->cancel(session_, id);
    });
    if (options.stop.stop_possible()) {
      early->stop.emplace(options.stop, [this, id = *sent] {
        loop_.post([this, id] { hub_->cancel(session_, id); });
      });
    }
  });
}

Result<wire::RunResult> Engine::runAndWait(const std::shared_ptr<Loaded>& model,
                                           std::vector<Tensor> inputs,
                                           boost::json::object parameters,
                                           const RunOptions& options) {
  auto pending = std::make_shared<Pending<wire::RunResult>>();
  run(model, std::move(inputs), std::move(parameters), options,
      [pending](Result<wire::RunResult> result) { pending->set(std::move(result)); });
  return pending->wait({});
}

Result<std::vector<Tensor>> Engine::echo(std::vector<Tensor> tensors, const RunOptions& options) {
  auto pending = std::make_shared<Pending<std::vector<Tensor>>>();
  loop_.post([this, pending, options, tensors = std::move(tensors)]() mutable {
    if (closed_) {
      pending->set(std::unexpected(closedError()));
      return;
    }
    auto sent =
        hub_->submit(session_, wire::EchoRequest{0, std::move(tensors)},
                     loop_.now() + options.timeout, [pending](Result<session::Answer> answer) {
                       if (answer) {
                         pending->set(std::get<wire::EchoResult>(std::move(*answer)).outputs);
                       } else {
                         pending->set(std::unexpected(std::move(answer.error())));
                       }
                     });
    if (!sent) pending->set(std::unexpected(sent.error()));
  });
  return pending->wait(options.stop);
}

void Engine::unload(const std::shared_ptr<Loaded>& model) {
  loop_.post([this, model] {
    if (closed_ || !isResident(model)) return;
    model->incarnation = 0;
    held_.erase(model->handle);
    const auto sent = hub_->submit(session_, wire::Unload{0, model->handle}, std::nullopt,
                                   [](const Result<session::Answer>&) {});
    if (!sent) log_->debug("unload: {}", sent.error().message);
  });
}

}  // namespace webpool::pool

// The engine's calls about models: load, run, echo, unload.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pool/convert.h"
#include "pool/engine.h"
#include "pool/signature.h"
#include "pool/task.h"
#include "sources/catalogue_fetch.h"

namespace webpool::pool {
namespace {

bool contains(const std::vector<std::uint64_t>& ids, std::uint64_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

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

Error lateError() {
  return {ErrorCategory::Timeout, "the run was not done by its deadline",
          "allow more time, or give it less work"};
}

}  // namespace

Result<void> Engine::useContentSources() {
  const auto& from = options_.contentSources;
  const sources::ContentFetchOptions options{.settings = {.gateways = from.gateways,
                                                          .nodes = from.peers,
                                                          .routers = from.routers,
                                                          .kubo = from.kubo},
                                             .data = options_.dataFolder};
  const auto report = [this](const std::vector<sources::BytesOf>& gave) {
    log_->debug("what a model needs came from {}", sources::sourcesJson(gave));
    for (const auto& one : gave) {
      if (one.lied && options_.notice) options_.notice(sources::liarText(one));
    }
  };
  auto& store = models_->repository().store();
  auto files = sources::catalogueFetcher(store, *http_, options, report);
  if (!files) return std::unexpected(files.error());
  auto trees = sources::treeFetcher(store, *http_, options, report);
  if (!trees) return std::unexpected(trees.error());
  models_->useFetchers(std::move(*files), std::move(*trees));
  return {};
}

/// One run from the call to its answer. The deadline is kept here and not by the session: a run
/// that is too late is cancelled, and its answer comes when the page has told which models that
/// cost.
struct Run {
  std::shared_ptr<Loaded> model;
  std::vector<Tensor> inputs;
  boost::json::object parameters;
  std::function<void(wire::Partial)> onPartial;
  Engine::RunDone done;
  std::optional<Dispatcher::RunId> waiting;
  std::optional<sched::JobId> job;  ///< once it is sent
  std::optional<std::stop_callback<std::function<void()>>> stop;
  std::optional<std::stop_callback<std::function<void()>>> unwanted;
  net::Timer deadline;
  base::TimePoint sentAt{};
  bool late = false;
  bool withdrawn = false;

  void finish(RunOutcome outcome) {
    if (!done) return;
    stop.reset();
    unwanted.reset();
    deadline.cancel();
    std::exchange(done, nullptr)(std::move(outcome));
  }
  void fail(Error error, bool died = false) {
    finish({.result = std::unexpected(std::move(error)), .died = died});
  }
};

Result<LoadOutcome> Engine::loadOnPage(const std::shared_ptr<Loaded>& model,
                                       const ModelOptions& options, bool warmUp) {
  auto outcome = sendLoad(model, options, warmUp);
  if (outcome) return outcome;
  const auto damage = models_->damageBehind(outcome.error(), *model->source);
  if (!damage) return outcome;
  if (const auto mended = models_->mend(*model->source, options); !mended) {
    if (mended.error().category == ErrorCategory::Cancelled) return std::unexpected(mended.error());
    log_->debug("{} was not fetched anew: {}", model->source->description.name,
                mended.error().describe());
    return std::unexpected(*damage);
  }
  if (options_.notice) options_.notice(damage->message + "; it was fetched anew");
  return sendLoad(model, options, warmUp);
}

Result<LoadOutcome> Engine::sendLoad(const std::shared_ptr<Loaded>& model,
                                     const ModelOptions& options, bool warmUp) {
  const auto deadline = base::SystemClock().now() + options.timeout;
  const auto& description = model->source->description;
  auto pending = std::make_shared<Pending<LoadOutcome>>();
  auto id = std::make_shared<std::atomic<sched::JobId>>(0);
  const auto send = [this, pending, id, model, options, deadline, warmUp,
                     description](const Result<ConnectionFacts>& facts) {
    if (!facts) {
      pending->set(std::unexpected(facts.error()));
      return;
    }
    wire::Load load{.id = 0,
                    .model = model->handle,
                    .name = description.name,
                    .root = description.cid,
                    .files = fileEntries(*model->source),
                    .task = std::string(taskOf(description.task).pageTask()),
                    .backend = toWire(model->backend),
                    .dtype = description.dtype,
                    .threads = model->threads,
                    .options = {}};
    if (!warmUp) load.options["warmup_runs"] = 0;
    if (description.language) load.options["context"] = description.language->context;
    auto& connection = *model->connection;
    const auto sharing = sharing_.loadBegan(connection.pageName(), load,
                                            options.peerSharing.value_or(options_.peerSharing),
                                            model->onThisMachine);
    RequestListener listener;
    if (options.progress || sharing != 0) {
      listener.progress = [this, sharing, callback = options.progress,
                           name = description.name](const wire::Progress& at) {
        // The bytes are those of all files.
        const bool bytes = at.phase == wire::LoadPhase::Fetch;
        if (bytes) sharing_.fetched(sharing, at.loaded, at.total);
        if (!callback) return;
        callback({std::string(wire::loadPhaseName(at.phase)), bytes ? name : at.file,
                  bytes ? at.loaded : 0, bytes ? at.total : 0});
      };
    }
    memory_.loadBegan(model, connection.id(), loop_.now());
    auto sent = connection.submit(
        std::move(load), deadline,
        [this, pending, model, sharing, facts = *facts, incarnation = connection.incarnation()](
            Result<session::Answer> answer, bool) {
          memory_.loadEnded(*model, answer.has_value(), loop_.now());
          sharing_.loadEnded(sharing, answer.has_value());
          if (!answer) {
            pending->set(std::unexpected(std::move(answer.error())));
            return;
          }
          model->connection->hold(model, incarnation);
          pending->set(LoadOutcome{std::get<wire::Loaded>(std::move(*answer)), facts});
        },
        std::move(listener));
    if (!sent) {
      memory_.gone(*model);
      sharing_.loadEnded(sharing, false);
      pending->set(std::unexpected(sent.error()));
      return;
    }
    log_->debug("load sent: {} on {} of {}", description.name, backendName(model->backend),
                connection.label());
    *id = *sent;
  };
  loop_.post([this, pending, model, send] {
    if (closed_) {
      pending->set(std::unexpected(closedError()));
    } else {
      makeRoom(model, 0, send);
    }
  });
  const std::stop_callback cancel(options.stop, [this, id, model] {
    loop_.post([id, model] { model->connection->cancel(*id); });
  });
  auto outcome = pending->wait(options.stop);
  if (outcome) log_->debug("model ready: {}", description.name);
  return outcome;
}

void Engine::makeRoom(const std::shared_ptr<Loaded>& model, unsigned tries,
                      std::function<void(Result<ConnectionFacts>)> then) {
  constexpr unsigned kMostTries = 4;
  model->connection->whenReady(
      [this, model, tries, then = std::move(then)](const Result<ConnectionFacts>& facts) mutable {
        if (!facts) return then(facts);
        const auto room = memory_.roomFor(*model, model->connection->id(), loop_.now());
        if (!room) return then(std::unexpected(room.error()));
        if (room->isThere() || tries == kMostTries) return then(facts);
        // One count for this call itself, so that none of the answers is the last too early.
        auto left = std::make_shared<std::size_t>(room->unload.size() + 1);
        const auto again = [this, model, tries, then = std::move(then), left] {
          if (--*left == 0) makeRoom(model, tries + 1, then);
        };
        for (const auto& other : room->unload) {
          log_->debug("unloading {} from {} to make room for {}", other->source->description.name,
                      other->connection->label(), model->source->description.name);
          other->connection->unload(*other, again);
        }
        for (const auto& connection : browsers_) {
          if (contains(room->recycle, connection->id())) {
            connection->recycle("it holds memory that no model explains");
          }
        }
        again();
      });
}

void Engine::run(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
                 boost::json::object parameters, const RunOptions& options, RunDone done,
                 OnPartial onPartial, const std::stop_token& unwanted) {
  auto run = std::make_shared<Run>();
  run->model = model;
  run->inputs = std::move(inputs);
  run->parameters = std::move(parameters);
  run->onPartial = std::move(onPartial);
  run->done = std::move(done);
  loop_.post([this, run, model, options, unwanted] {
    if (closed_) {
      run->fail(closedError());
      return;
    }
    const auto end = [this, weak = std::weak_ptr(run)](const Error& error) {
      const auto ended = weak.lock();
      if (!ended) return;
      if (ended->job) {
        ++ended->model->cancels;
        ended->model->connection->cancel(*ended->job);
      } else if (ended->waiting && dispatcher_.withdraw(ended->model->id, *ended->waiting)) {
        ended->fail(error);
      }
    };
    run->deadline = loop_.callAfter(options.timeout, [end, late = &run->late] {
      *late = true;
      end(lateError());
    });
    if (options.stop.stop_possible()) {
      run->stop.emplace(options.stop, [this, end] {
        loop_.post([end] { end({ErrorCategory::Cancelled, "the call was cancelled", ""}); });
      });
    }
    if (unwanted.stop_possible()) {
      run->unwanted.emplace(unwanted, [this, weak = std::weak_ptr(run)] {
        loop_.post([this, weak] {
          if (const auto there = weak.lock()) withdraw(*there);
        });
      });
    }
    run->waiting =
        dispatcher_.enqueue(model->id, model->boundThreads, [this, run] { return send(run); });
  });
}

void Engine::withdraw(Run& run) {
  run.withdrawn = true;
  if (run.job) {
    run.model->connection->withdraw(*run.job);
  } else if (run.waiting && dispatcher_.withdraw(run.model->id, *run.waiting)) {
    run.fail({ErrorCategory::Cancelled, "the call was cancelled", ""});
  }
}

bool Engine::send(const std::shared_ptr<Run>& run) {
  auto& model = run->model;
  if (closed_ || !model->isResident()) {
    run->fail(closed_ ? closedError() : lostError());
    return false;
  }
  auto answered = [this, run, cancels = model->cancels.load()](Result<session::Answer> answer,
                                                               bool died) {
    const auto& worker = *run->model;
    memory_.runEnded(worker, loop_.now());
    if (answer) {
      auto result = std::get<wire::RunResult>(std::move(*answer));
      const std::chrono::duration<double, std::milli> queued(result.timings.queueMs);
      const auto took =
          std::max(loop_.now() - run->sentAt - std::chrono::duration_cast<base::Duration>(queued),
                   base::Duration::zero());
      const auto& description = worker.source->description;
      const auto checked = taskOf(description.task).isRaw()
                               ? checkOutputs(description, result.outputs)
                               : Result<void>{};
      if (checked) {
        run->finish({.result = std::move(result), .took = took});
      } else {
        run->fail(checked.error());
      }
    } else if (run->late && answer.error().category == ErrorCategory::Cancelled) {
      run->fail(lateError());
    } else if (answer.error().category == ErrorCategory::NotFound) {
      // Sent before the page's word came that the model is gone.
      run->fail(lostError());
    } else {
      const bool dropped = run->withdrawn && answer.error().category == ErrorCategory::Cancelled;
      if (!died && !dropped && worker.backend != Backend::Wasm) ++run->model->cancels;
      // Ending another's run early ends the worker, which says nothing about this one.
      run->fail(std::move(answer.error()), died && worker.cancels == cancels);
    }
    dispatcher_.finished(worker.id);
  };
  run->sentAt = loop_.now();
  const auto sent = model->connection->submit(
      wire::Run{0, model->handle, std::move(run->inputs), std::move(run->parameters)}, std::nullopt,
      std::move(answered), {.partial = run->onPartial});
  if (!sent) {
    run->fail(sent.error());
    return false;
  }
  run->job = *sent;
  memory_.runBegan(*model, loop_.now());
  return true;
}

RunOutcome Engine::runAndTime(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
                              boost::json::object parameters, const RunOptions& options) {
  auto pending = std::make_shared<Pending<RunOutcome>>();
  run(model, std::move(inputs), std::move(parameters), options,
      [pending](RunOutcome outcome) { pending->set(std::move(outcome)); });
  auto outcome = pending->wait({});
  if (!outcome) return {.result = std::unexpected(outcome.error())};
  return std::move(*outcome);
}

Result<std::vector<Tensor>> Engine::echo(const ConnectionRef& connection,
                                         std::vector<Tensor> tensors, const RunOptions& options) {
  auto pending = std::make_shared<Pending<std::vector<Tensor>>>();
  loop_.post([this, pending, options, connection, tensors = std::move(tensors)]() mutable {
    if (closed_) {
      pending->set(std::unexpected(closedError()));
      return;
    }
    auto sent =
        connection->submit(wire::EchoRequest{0, std::move(tensors)}, loop_.now() + options.timeout,
                           [pending](Result<session::Answer> answer, bool) {
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

void Engine::gatePassed(const std::shared_ptr<Loaded>& model) {
  loop_.post([model] { model->connection->gatePassed(); });
}

void Engine::gateFailed(const std::shared_ptr<Loaded>& model, const Error& error) {
  loop_.post([model, error] { model->connection->gateFailed(error); });
}

void Engine::knownInputsFailed(const std::shared_ptr<Loaded>& model, std::uint64_t page,
                               const Error& error) {
  loop_.post([model, page, error] {
    auto& connection = *model->connection;
    if (connection.incarnation() == page) connection.knownInputsFailed(error);
  });
}

void Engine::unload(const std::shared_ptr<Loaded>& model) {
  loop_.post([this, model] {
    if (!closed_ && model->isResident()) model->connection->unload(*model, [] {});
    memory_.forget(*model);
  });
}

}  // namespace webpool::pool

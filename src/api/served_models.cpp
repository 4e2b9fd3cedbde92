#include "api/served_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace webpool::api {
namespace {

constexpr unsigned kLoadsAtOnce = 4;
constexpr std::size_t kWaiting = 1024;

std::unexpected<Error> unknown(const std::string& name) {
  return fail(ErrorCategory::NotFound, fmt::format("unknown model '{}'", name),
              "GET /v1/models or `webpool models` lists those that there are");
}

}  // namespace

std::string_view stateName(ServedModel::State state) noexcept {
  switch (state) {
    case ServedModel::State::Unloaded:
      return "UNAVAILABLE";
    case ServedModel::State::Loading:
      return "LOADING";
    case ServedModel::State::Ready:
      return "READY";
    case ServedModel::State::Failed:
      return "UNAVAILABLE";
  }
  return "UNAVAILABLE";
}

struct ServedModels::Kept {
  std::mutex mutex;
  std::map<std::string, std::size_t> counts;
};

ServedModels::ServedModels(ModelSupply supply, bool onDemand)
    : supply_(std::move(supply)), onDemand_(onDemand), kept_(std::make_shared<Kept>()) {}

ServedModels::~ServedModels() {
  stop_.request_stop();
  std::map<std::string, std::jthread> threads;
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    threads = std::move(threads_);
    for (auto& [name, entry] : entries_) {
      for (auto& done : std::exchange(entry.waiting, {})) waiting.push_back(std::move(done));
    }
  }
  for (auto& [name, thread] : threads) thread.join();
  for (auto& done : waiting) done(fail(ErrorCategory::Cancelled, "webpool is shutting down"));
}

void ServedModels::add(const std::string& name, Model model) {
  finish(name, std::move(model));
}

void ServedModels::expect(const std::string& name) {
  const std::lock_guard lock(mutex_);
  entries_[name].served = {.name = name, .state = ServedModel::State::Loading};
}

void ServedModels::failed(const std::string& name, const Error& error) {
  finish(name, std::unexpected(error));
}

void ServedModels::get(const std::string& name, Done done) {
  begin(name, std::move(done), onDemand_);
}

void ServedModels::load(const std::string& name, Done done) {
  begin(name, std::move(done), true);
}

void ServedModels::begin(const std::string& name, Done done, bool allowed) {
  {
    std::unique_lock lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end()) {
      auto& entry = found->second;
      if (entry.served.model) {
        const auto model = *entry.served.model;
        lock.unlock();
        return done(model);
      }
      if (entry.served.state == ServedModel::State::Loading) {
        if (entry.waiting.size() < kWaiting) return entry.waiting.push_back(std::move(done));
        lock.unlock();
        return done(fail(ErrorCategory::Busy, "too many requests wait for this model"));
      }
    }
  }
  if (!isKnown(name)) return done(unknown(name));
  if (!allowed) {
    return done(fail(ErrorCategory::BrowserFailed,
                     fmt::format("the model '{}' is not loaded", name),
                     "load it first: POST /v2/repository/models/NAME/load"));
  }
  std::jthread ended;  // joined without the lock
  std::unique_lock lock(mutex_);
  auto& entry = entries_[name];
  if (entry.served.model || entry.served.state == ServedModel::State::Loading) {
    lock.unlock();
    return begin(name, std::move(done), allowed);  // somebody was quicker
  }
  if (loading_ >= kLoadsAtOnce) {
    lock.unlock();
    return done(fail(ErrorCategory::Busy, "other models are being loaded", "try again later"));
  }
  ++loading_;
  entry.served = {.name = name, .state = ServedModel::State::Loading};
  entry.waiting.push_back(std::move(done));
  auto& thread = threads_[name];
  ended = std::exchange(thread, std::jthread([this, name] {
                          auto result = supply_.load(name, stop_.get_token());
                          {
                            const std::lock_guard inner(mutex_);
                            --loading_;
                            if (result) ++loads_;
                          }
                          finish(name, std::move(result));
                        }));
}

void ServedModels::finish(const std::string& name, Result<Model> result) {
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[name];
    entry.served = {.name = name};
    if (result) {
      entry.served.state = ServedModel::State::Ready;
      entry.served.model = *result;
    } else {
      entry.served.state = ServedModel::State::Failed;
      entry.served.reason = result.error().describe();
    }
    waiting = std::exchange(entry.waiting, {});
  }
  for (auto& done : waiting) done(result);
}

Result<void> ServedModels::unload(const std::string& name) {
  std::optional<Model> last;  // let go of without the lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || !found->second.served.model) {
    return fail(ErrorCategory::NotFound, fmt::format("the model '{}' is not loaded", name));
  }
  last = std::exchange(found->second.served, {.name = name}).model;
  return {};
}

Result<ServedModel> ServedModels::find(const std::string& name) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end()) {
      return found->second.served;
    }
  }
  if (!isKnown(name)) return unknown(name);
  return ServedModel{.name = name};
}

std::vector<ServedModel> ServedModels::list() const {
  std::map<std::string, ServedModel> all;
  for (const auto& name : supply_.names()) all[name] = {.name = name};
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_) all[name] = entry.served;
  std::vector<ServedModel> models;
  for (auto& [name, served] : all) models.push_back(std::move(served));
  return models;
}

std::optional<std::string> ServedModels::forTask(std::string_view task) const {
  const auto names = supply_.names();
  for (const auto state : {ServedModel::State::Ready, ServedModel::State::Loading,
                           ServedModel::State::Unloaded, ServedModel::State::Failed}) {
    for (const auto& name : names) {
      const auto served = find(name);
      if (!served || served->state != state) continue;
      const auto own = served->model  ? served->model->info().task
                       : supply_.task ? supply_.task(name)
                                      : std::string();
      if (own == task) return name;
    }
  }
  return std::nullopt;
}

bool ServedModels::ready() const {
  bool expected = false;
  for (const auto& served : list()) {
    if (served.model) return true;
    expected = expected || served.state != ServedModel::State::Unloaded;
  }
  return !expected;
}

std::map<std::string, std::size_t> ServedModels::waiting() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::size_t> all;
  for (const auto& [name, entry] : entries_) {
    if (entry.served.state == ServedModel::State::Loading) all[name] = entry.waiting.size();
  }
  const std::lock_guard alsoKept(kept_->mutex);
  for (const auto& [name, count] : kept_->counts) all[name] += count;
  return all;
}

std::shared_ptr<void> ServedModels::waitBefore(const std::string& name) {
  {
    const std::lock_guard lock(kept_->mutex);
    ++kept_->counts[name];
  }
  return {kept_.get(), [kept = kept_, name](void*) {
            const std::lock_guard lock(kept->mutex);
            const auto found = kept->counts.find(name);
            if (--found->second == 0) kept->counts.erase(found);
          }};
}

std::uint64_t ServedModels::loads() const {
  const std::lock_guard lock(mutex_);
  return loads_;
}

bool ServedModels::isKnown(const std::string& name) const {
  if (supply_.knows && supply_.knows(name)) return true;
  const auto names = supply_.names();
  return std::ranges::find(names, name) != names.end();
}

}  // namespace webpool::api

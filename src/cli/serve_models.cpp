#include "cli/serve_models.h"

#include <algorithm>
#include <set>
#include <utility>

namespace webpool::cli {
namespace {

constexpr std::chrono::seconds kFresh{1};

/// The pool would take any other for the path of a file.
bool isLoadedByName(const std::string& name) {
  return !name.contains('/') && !store::isGraphPath(name);
}

}  // namespace

Result<std::unique_ptr<ServeModels>> ServeModels::open(const std::filesystem::path& dataFolder,
                                                       std::vector<std::string> first) {
  auto source = pool::ModelSource::open(dataFolder);
  if (!source) return std::unexpected(source.error());
  return std::unique_ptr<ServeModels>(new ServeModels(std::move(*source), std::move(first)));
}

ServeModels::ServeModels(std::unique_ptr<pool::ModelSource> source, std::vector<std::string> first)
    : source_(std::move(source)), first_(std::move(first)) {}

std::vector<std::string> ServeModels::names() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!names_.empty() && now - read_ < kFresh) return names_;
  read_ = now;
  std::set<std::string> others;
  for (const auto& entry : source_->catalogue().entries()) others.insert(entry.name);
  // A store that can't be read now still leaves the catalogue.
  if (const auto pins = source_->content().pins("model")) {
    roots_.clear();
    for (const auto& pin : *pins) {
      if (!isLoadedByName(pin.name)) continue;
      others.insert(pin.name);
      roots_[pin.name] += pin.cid.text();
    }
  }
  names_ = first_;
  for (const auto& name : others) {
    if (std::ranges::find(first_, name) == first_.end()) names_.push_back(name);
  }
  return names_;
}

std::string ServeModels::task(const std::string& name) {
  if (const auto* entry = source_->catalogue().find(name)) return entry->task;
  (void)names();
  std::string root;
  {
    const std::lock_guard lock(mutex_);
    const auto found = roots_.find(name);
    if (found == roots_.end()) return {};
    root = found->second;
    if (const auto known = tasks_.find(root); known != tasks_.end()) return known->second;
  }
  const auto here = source_->findHere(name, "", "");
  const auto task = here ? here->description.task : std::string();
  const std::lock_guard lock(mutex_);
  return tasks_[root] = task;
}

}  // namespace webpool::cli

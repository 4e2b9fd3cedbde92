#include "cli/record_flags.h"

#include <CLI/CLI.hpp>

#include <utility>

#include "webpool/model.h"
#include "webpool/record.h"

namespace webpool::cli {

CLI::Option* addDbPath(CLI::App& command, std::string& path, const std::string& description) {
  return command.add_option("--db-path", path, description + " (else $BENCHMARK_DB_PATH)")
      ->type_name("FILE")
      ->check([](const std::string& file) {
        return file.empty() ? std::string("the name of a file is missing") : std::string();
      });
}

KeptRecord::KeptRecord(const std::string& path, std::function<void(const std::string&)> notice) {
  if (!path.empty()) record_ = openRecord({.file = path, .notice = std::move(notice)});
}

KeptRecord::~KeptRecord() {
  if (record_) record_->close();
}

void KeptRecord::watch(PoolOptions& options) const {
  options.observer = record_;
}

void KeptRecord::notLoaded(const std::string& model, const Error& error) const {
  if (!record_) return;
  RecordedLoad load;
  load.number = 1;  // the command ends with it
  load.startedAt = std::chrono::system_clock::now();
  load.model.name = model;
  load.error = error;
  record_->loaded(std::move(load));
}

void KeptRecord::notRun(const ModelDescription& model, const Error& error) const {
  if (!record_) return;
  RecordedRun run;
  run.startedAt = std::chrono::system_clock::now();
  run.model = {model.name, model.component, model.cid, model.task, model.dtype, model.bytes};
  run.items = 1;
  run.error = error;
  record_->ran(std::move(run));
}

}  // namespace webpool::cli

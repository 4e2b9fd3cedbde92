#include "cli/record_flags.h"

#include <CLI/CLI.hpp>

#include <utility>

#include "webpool/record.h"

namespace webpool::cli {

CLI::Option* addDbPath(CLI::App& command, std::string& path, const std::string& description) {
  return command.add_option("--db-path", path, description)
      ->envname("BENCHMARK_DB_PATH")
      ->type_name("FILE");
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

}  // namespace webpool::cli

// --db-path: the record of what a command runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "webpool/error.h"
#include "webpool/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace webpool {
class Record;
struct ModelDescription;
}  // namespace webpool

namespace webpool::cli {

/// --db-path, else $BENCHMARK_DB_PATH.
CLI::Option* addDbPath(CLI::App& command, std::string& path, const std::string& description);

/// The record that a command keeps; none for an empty path. To be made before the pool and to
/// outlive it: destroying it writes what waits.
class KeptRecord {
 public:
  KeptRecord(const std::string& path, std::function<void(const std::string&)> notice);
  ~KeptRecord();
  KeptRecord(const KeptRecord&) = delete;
  KeptRecord& operator=(const KeptRecord&) = delete;

  void watch(PoolOptions& options) const;
  /// What failed before the pool was asked to load or to run: a row all the same.
  void notLoaded(const std::string& model, const Error& error) const;
  void notRun(const ModelDescription& model, const Error& error) const;

 private:
  std::shared_ptr<Record> record_;
};

}  // namespace webpool::cli

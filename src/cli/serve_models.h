// What `webpool serve` may load because a request asks for it: the models of the catalogue, and
// those of this machine's store.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pool/model_source.h"

namespace webpool::cli {

/// Thread-safe.
class ServeModels {
 public:
  /// `first`: those of --model.
  static Result<std::unique_ptr<ServeModels>> open(const std::filesystem::path& dataFolder,
                                                   std::vector<std::string> first);

  /// `first`, then the others by name. What the store holds is looked up again after a second.
  std::vector<std::string> names();
  /// Empty where it is not known without fetching something.
  std::string task(const std::string& name);

 private:
  ServeModels(std::unique_ptr<pool::ModelSource> source, std::vector<std::string> first);

  const std::unique_ptr<pool::ModelSource> source_;
  const std::vector<std::string> first_;
  std::mutex mutex_;
  std::vector<std::string> names_;
  std::map<std::string, std::string> roots_;  ///< of the store's models: to tell a new one
  std::map<std::string, std::string> tasks_;  ///< by root
  std::chrono::steady_clock::time_point read_{};
};

}  // namespace webpool::cli

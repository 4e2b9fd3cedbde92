// The combinations of model, backend and browser that were found to answer wrong, kept between runs
// so that none is loaded only to be refused again. A newer browser, adapter or webpool is another
// combination and gets its chance.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "webpool/error.h"

namespace webpool::pool {

struct Combination {
  std::string model;  ///< CID of its root
  std::string dtype;
  std::string backend;
  std::string browser;
  std::string version;  ///< of the browser
  std::string adapter;  ///< label; empty where the backend needs none

  bool operator==(const Combination&) const = default;
};

struct Refusal {
  Combination what;
  std::string name;     ///< of the model
  std::string message;  ///< how it answered
  std::string hint;
  std::string on;  ///< the day, "2026-11-23"
};

/// A JSON file. Thread-safe; several processes may share the file, and the last to write wins what
/// both learned at once. A file that can't be read counts as empty.
class Refusals {
 public:
  static constexpr std::size_t kMost = 1000;  ///< the oldest go

  explicit Refusals(std::filesystem::path file) : file_(std::move(file)) {}

  std::optional<Refusal> find(const Combination& what) const;
  std::vector<Refusal> all() const;
  /// Storage when the file can't be written.
  Result<void> add(Refusal refusal);

 private:
  std::filesystem::path file_;
  mutable std::mutex mutex_;
};

}  // namespace webpool::pool

// The combinations of model, backend and browser that were found to answer wrong, kept between runs
// so that none is loaded only to be refused again. A newer browser, adapter or webpool is another
// combination and gets its chance.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pool/combination.h"
#include "webpool/error.h"

namespace webpool::pool {

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

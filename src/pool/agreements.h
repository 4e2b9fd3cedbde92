// The combinations whose answers agreed with another browser engine's, kept between runs so that a
// second browser is launched for a model once only.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "pool/combination.h"
#include "webpool/error.h"

namespace webpool::pool {

struct AgreedWith {
  Combination what;
  std::string by;  ///< "wasm of firefox 153.7.0"
  std::string on;  ///< the day, "2026-11-23"
};

/// A JSON file, "agreed.json" in the cache folder. Thread-safe as far as a file is that is replaced
/// as a whole: of two that are added at once one may be lost, and is then found again.
class Agreements {
 public:
  explicit Agreements(std::filesystem::path file) : file_(std::move(file)) {}

  std::optional<AgreedWith> find(const Combination& what) const;
  /// Storage when the file can't be written.
  Result<void> add(const AgreedWith& agreed);

 private:
  std::filesystem::path file_;
};

}  // namespace webpool::pool

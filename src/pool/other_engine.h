// WASM of another browser engine as the reference for a model of which no golden answer is known:
// two engines that were written apart and agree are hardly wrong in the same way.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/combination.h"
#include "pool/engine.h"

namespace webpool::pool {

/// The first of `names` that is of another engine than `browser` is; Chrome, Edge and Chromium are
/// one engine.
std::optional<std::string> otherEngineThan(std::string_view browser,
                                           const std::vector<std::string>& names);

/// The model on WASM in a browser of that name. One thread at a time; destroying it unloads the
/// model and leaves the browser to the pool.
class OtherEngine {
 public:
  OtherEngine(std::shared_ptr<Engine> engine, std::shared_ptr<const ResolvedModel> source,
              ModelOptions options, std::string browser);
  ~OtherEngine();
  OtherEngine(const OtherEngine&) = delete;
  OtherEngine& operator=(const OtherEngine&) = delete;

  /// Runs there; launches the browser and loads the model where that is needed. Blocks.
  Result<std::vector<Tensor>> run(const std::vector<Tensor>& inputs,
                                  const boost::json::object& parameters,
                                  const std::stop_token& stop);

  /// Its answer was found to agree.
  void gatePassed();

  // Once it ran.
  std::string label() const;  ///< "wasm of firefox 153.7.0"
  Combination combination() const;

 private:
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<const ResolvedModel> source_;
  ModelOptions options_;
  std::string browser_;
  std::shared_ptr<Loaded> loaded_;
};

}  // namespace webpool::pool

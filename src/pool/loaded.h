// One worker: a model on one backend in one connection's page.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "onnx/memory_estimate.h"
#include "pool/model_source.h"
#include "webpool/options.h"

namespace webpool::pool {

class Connection;

/// Resident in the page or not. Only the atomic parts change once it is made.
struct Loaded {
  std::uint64_t id = 0;
  std::string handle;  ///< names it on the wire
  std::shared_ptr<const ResolvedModel> source;
  Backend backend = Backend::Wasm;
  unsigned threads = 1;       ///< of WASM
  unsigned boundThreads = 1;  ///< of the machine, while it runs; 0 on hardware
  std::shared_ptr<Connection> connection;
  bool onThisMachine = true;                  ///< the browser's memory and threads are ours
  onnx::MemoryEstimate memory;                ///< what it takes of the browser's memory
  std::atomic<std::uint64_t> incarnation{0};  ///< of the page that holds it; 0: none does

  /// Runs that were told to end early, or failed on a device: each may have ended the worker, and
  /// what else it had.
  std::atomic<unsigned> cancels{0};

  bool isResident() const;
};

}  // namespace webpool::pool

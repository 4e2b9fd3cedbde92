// What a pool tells of itself: every browser with its state, and why it changed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "webpool/options.h"

namespace webpool {

/// A connection's change of state; docs/lifecycle.md has the states and the reasons.
struct StateChange {
  std::string from;
  std::string to;
  std::string reason;
  std::string detail;  ///< may be empty
  std::chrono::steady_clock::time_point at{};
};

/// The number of workers of a model was changed, or would have been.
struct ScalingEvent {
  std::string model;
  std::string action;     ///< "add", "drain"
  unsigned workers = 0;   ///< that it is to have then
  bool foreseen = false;  ///< for a load that is not there yet
  std::string reason;     ///< for a person
  std::chrono::steady_clock::time_point at{};
};

/// Calls of an open model that have no answer yet, and what became of runs that were late.
struct ModelCalls {
  std::string model;
  std::uint64_t waiting = 0;  ///< for a worker
  std::uint64_t running = 0;  ///< sent to one
  std::uint64_t hedged = 0;   ///< runs that were late and tried on a second worker, so far
};

/// One connection: a browser process, over all its launches, or a joined device.
struct ConnectionStats {
  std::string label;    ///< "chromium-0", "joined-3"
  std::string browser;  ///< "chromium"; for a joined device what it says of itself
  Trust trust = Trust::Launched;
  bool accepting = true;  ///< false: a joined device that its person paused
  std::string state = "none";
  int pid = 0;  ///< of the browser's main process; 0 where none runs
  std::vector<std::string>
      models{};  ///< that its page holds: "silero_vad", "whisper/encoder_model"
  std::uint64_t launches = 0;
  double launchMs = 0;            ///< of the latest: from its start to its page being connected
  std::uint64_t jobs = 0;         ///< answered by the browser that runs now
  std::uint64_t lateAnswers = 0;  ///< to requests that had their outcome already
  /// Bytes of its whole process tree when last sampled; 0: not yet, or on another machine.
  std::uint64_t pss = 0;
  // What the page tells of itself; nullopt where its browser does not.
  std::optional<std::uint64_t> wasm{};    ///< bytes of its run Workers' WebAssembly memories
  std::optional<std::uint64_t> gpu{};     ///< bytes of the WebGPU buffers that they hold
  std::optional<std::uint64_t> jsHeap{};  ///< bytes of JavaScript objects
  std::vector<StateChange> history;       ///< the latest, oldest first
};

}  // namespace webpool

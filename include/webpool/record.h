// What a pool tells of each of its runs, loads and connections, and a DuckDB file that keeps it
// (docs/record.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "webpool/error.h"
#include "webpool/result.h"

namespace webpool {

using WallTime = std::chrono::system_clock::time_point;

/// Which model it was. Of one that was not found only the name is known.
struct RecordedModel {
  std::string name{};
  std::string component{};
  std::string cid{};  ///< root of its folder in the content store
  std::string task{};
  std::string dtype{};
  std::uint64_t bytes = 0;  ///< of the files that the dtype needs
};

/// A browser's memory when last sampled, in bytes. Unset: not sampled yet, or not told.
struct RecordedMemory {
  std::optional<std::uint64_t> pss{};   ///< its whole process tree
  std::optional<std::uint64_t> wasm{};  ///< WebAssembly memories of its run Workers
  std::optional<std::uint64_t> gpu{};   ///< WebGPU buffers that they hold
};

/// One call of a model, from its begin to its answer, whatever was tried in between.
struct RecordedRun {
  WallTime startedAt{};
  RecordedModel model{};
  std::uint64_t load = 0;   ///< RecordedLoad::number of the worker that answered; 0: none did
  RanOn ranOn{};            ///< of the last try; empty where none was sent to a browser
  std::uint64_t items = 0;  ///< texts, or rows of the first input where its first size is free
  unsigned tries = 0;       ///< 0: no browser was asked: it was refused, or needed none (silence)
  std::uint64_t runItems = 0;  ///< of all calls that the last try's run held; 0: none was sent
  double waitMs = 0;           ///< until the try that was answered was sent
  /// What placement expected of that run, from its being sent to its answer; unset: nothing known.
  std::optional<double> predictedMs{};
  RunTimings timings{};  ///< of a failed run only totalMs
  RecordedMemory memory{};
  std::optional<Error> error{};
};

/// A model was brought into a browser's page, or was not.
struct RecordedLoad {
  std::uint64_t number = 0;  ///< from 1, of this pool
  WallTime startedAt{};
  RecordedModel model{};
  RanOn ranOn{};  ///< where it was to go, as far as that was settled
  LoadTimings timings{};
  RecordedMemory memory{};
  std::optional<Error> error{};
};

/// A browser from its launch to its end, or a device from its coming to its leaving.
struct RecordedConnection {
  WallTime startedAt{};
  WallTime endedAt{};
  std::string connection{};  ///< "chromium-0", "joined-3"
  std::uint64_t launch = 0;  ///< counts the launches of that connection
  std::string browser{};
  std::string browserVersion{};  ///< empty: its page never came
  Trust trust = Trust::Launched;
  std::optional<AdapterInfo> adapter{};  ///< WebGPU's; also where no model used it
  bool connected = false;                ///< its page came
  double launchMs = 0;
  std::uint64_t runs = 0;  ///< answered right
  std::uint64_t failedRuns = 0;
  double runMs = 0;                           ///< in its runtimes, of all runs together
  std::optional<std::uint64_t> peakMemory{};  ///< bytes; the largest of the samples
  std::string reason{};                       ///< docs/lifecycle.md; "pool_closed"
  std::string detail{};
};

/// Told by a pool (PoolOptions::observer) on its threads, several at once: must return at once.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Asked for each row: false, and the pool makes none.
  virtual bool listens() const { return true; }
  virtual void ran(RecordedRun run) = 0;
  virtual void loaded(RecordedLoad load) = 0;
  virtual void left(RecordedConnection connection) = 0;
};

struct RecordOptions {
  std::filesystem::path file{};  ///< made where it is not there; its folder must be
  /// Rows that wait to be written, at most; further ones are lost, counted and reported.
  std::size_t capacity = 10'000;
  /// A row is in the file after so long, unless the file can't be written.
  std::chrono::milliseconds writeEvery{5'000};
  /// At the end, so long is waited for another process that holds the file.
  std::chrono::milliseconds patience{5'000};
  /// Told once of each kind of trouble, and at the end how many rows were lost. Any thread.
  std::function<void(const std::string&)> notice{};
};

/// Keeps rows in a DuckDB file, written by a thread of its own. Trouble with the file (held by
/// another process, damaged, no space) is told by the notice and never fails a run. Thread-safe.
class Record : public RunObserver {
 public:
  struct Counts {
    std::uint64_t written = 0;  ///< rows in the file
    std::uint64_t waiting = 0;
    std::uint64_t lost = 0;
  };
  virtual Counts counts() const = 0;
  /// What keeps rows from the file, as the latest try to write found it; nullopt: nothing does. The
  /// first call waits for the first try, up to RecordOptions::patience.
  virtual std::optional<Error> trouble() const = 0;
  /// Writes what waits and ends; what comes later is lost. Idempotent. Destroying it does the same.
  virtual void close() = 0;
};

/// Opens nothing yet: that is for the record's own thread, and its trouble for the notice.
std::shared_ptr<Record> openRecord(RecordOptions options);

}  // namespace webpool

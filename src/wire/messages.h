// Every message of docs/protocol.md as a type. Decoding checks all keys, types and limits, so that
// what comes out of here can be trusted to be well-formed, whatever the peer sent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/json/object.hpp>

#include "webpool/error.h"
#include "webpool/tensor.h"
#include "wire/limits.h"
#include "wire/values.h"

namespace webpool::wire {

/// Numbers a pool's requests in a session, growing from 1.
using RequestId = std::uint64_t;

// Page to pool.

struct Hello {
  std::string token;
  std::string resume;            ///< the session to go on with, or ""
  std::vector<RequestId> known;  ///< requests the page works on, or whose answers it keeps
  std::string pageVersion;
  Capabilities capabilities;
};

enum class LoadPhase { Fetch, Compile, Warmup };
std::string_view loadPhaseName(LoadPhase phase) noexcept;

struct Progress {
  RequestId id = 0;
  LoadPhase phase = LoadPhase::Fetch;
  std::uint64_t loaded = 0;
  std::uint64_t total = 0;
  std::string file;
};

struct Loaded {
  RequestId id = 0;
  std::string model;
  Backend backend = Backend::Wasm;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::optional<Placement> placement;
  std::uint64_t bytes = 0;
  LoadTimings timings;
};

/// Part of a run's answer, before the rest.
struct Partial {
  RequestId id = 0;
  std::uint64_t index = 0;  ///< counts the parts of one answer from 0
  boost::json::object data;
};

struct RunResult {
  RequestId id = 0;
  std::vector<Tensor> outputs;  ///< slices of the received frame
  RunTimings timings;
  boost::json::object details{};  ///< what the task says beside the outputs; empty for most
};

struct Unloaded {
  RequestId id = 0;
};

struct Stats {
  RequestId id = 0;
  std::vector<ModelStats> models;
  MemoryStats memory;
};

/// A tiny inference was made, or failed, in a run Worker.
struct Checked {
  RequestId id = 0;
  bool ok = false;
  double ms = 0;        ///< of the inference itself
  std::string message;  ///< why it is not ok; else ""
};

struct EchoResult {
  RequestId id = 0;
  std::vector<Tensor> outputs;
};

struct Pong {
  RequestId id = 0;
};

struct Drained {
  RequestId id = 0;
};

struct Failure {
  RequestId id = 0;  ///< 0: of the page as a whole
  Error error;
  std::vector<std::string> lost;  ///< handles of models that the page no longer holds
};

enum class LogLevel { Debug, Info, Warning, Error };

struct Log {
  LogLevel level = LogLevel::Info;
  std::string message;
};

enum class SignalKind { Offer, Answer, Candidate, Gone };

/// What two pages tell each other through the pool while they connect. In both directions: `peer`
/// is the other page.
struct Signal {
  std::string peer;
  SignalKind kind = SignalKind::Gone;
  std::string text;
};

using PageMessage = std::variant<Hello, Progress, Loaded, RunResult, Unloaded, Stats, Checked,
                                 EchoResult, Pong, Drained, Failure, Log, Partial, Signal>;

// Pool to page.

struct Welcome {
  std::string session;
  std::uint64_t heartbeatMs = 0;
  std::uint64_t graceMs = 0;
  std::uint64_t maxFrameSize = 0;
  std::vector<RequestId> open;  ///< what the pool waits for
};

struct Load {
  RequestId id = 0;
  std::string model;  ///< the handle by which the pool names the model from now on
  std::string name;
  std::string root;  ///< CID of the model's folder
  std::vector<FileEntry> files;
  std::string task;
  Backend backend = Backend::Wasm;
  std::string dtype;
  std::uint64_t threads = 0;  ///< 0: the page chooses
  boost::json::object options;
};

struct Run {
  RequestId id = 0;
  std::string model;
  std::vector<Tensor> inputs;
  boost::json::object parameters;
};

struct Cancel {
  RequestId id = 0;  ///< of the run or load
};

struct Unload {
  RequestId id = 0;
  std::string model;
};

struct StatsRequest {
  RequestId id = 0;
};

/// Asks for a tiny inference in the model's run Worker, after the calls that it has.
struct Check {
  RequestId id = 0;
  std::string model;  ///< "": in a run Worker of its own, on WebAssembly
};

struct EchoRequest {
  RequestId id = 0;
  std::vector<Tensor> inputs;
};

struct Ping {
  RequestId id = 0;
};

struct Drain {
  RequestId id = 0;
};

struct Close {
  std::string reason;
};

struct FilePeers {
  std::string cid;
  std::vector<std::string> peers;  ///< pages that have leaves of it, or will
};

/// Which other pages the page may connect to for files that it is fetching; takes the place of what
/// was said of these files before.
struct Peers {
  std::string self;  ///< how the pool calls this page to the others
  std::vector<FilePeers> files;
};

using PoolMessage = std::variant<Welcome, Load, Run, Cancel, Unload, StatsRequest, Check,
                                 EchoRequest, Ping, Drain, Close, Peers, Signal>;

/// A pool's message with the answers that it confirms.
struct PoolFrame {
  PoolMessage message;
  std::vector<RequestId> received;
};

/// The `type` on the wire.
std::string_view messageType(const PageMessage& message) noexcept;
std::string_view messageType(const PoolMessage& message) noexcept;

/// The pieces of a frame (see encodeFrame). InvalidArgument or InvalidInput where a value is beyond
/// the protocol's limits; messages, hints and reasons are cut instead.
Result<std::vector<Bytes>> encodeMessage(const PoolMessage& message,
                                         std::span<const RequestId> received = {},
                                         const Limits& limits = {});
Result<std::vector<Bytes>> encodeMessage(const PageMessage& message, const Limits& limits = {});

/// nullopt: a type that this version does not know, which is to be ignored. Protocol errors carry
/// the reason code of docs/protocol.md.
Result<std::optional<PageMessage>> decodePageMessage(const Bytes& frame, const Limits& limits = {});
Result<std::optional<PoolFrame>> decodePoolMessage(const Bytes& frame, const Limits& limits = {});

}  // namespace webpool::wire

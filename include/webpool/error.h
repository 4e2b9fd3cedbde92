// Failures that a caller can expect are values, not exceptions: every fallible call of webpool
// returns Result<T>. The category names are stable: the C++ API, Python, HTTP and the command line
// show the same words.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace webpool {

enum class ErrorCategory {
  InvalidArgument,  ///< an option or a call that makes no sense
  InvalidModel,     ///< corrupt, truncated, or not a model of a known format
  InvalidInput,     ///< wrong tensor name, type or shape for this model
  NotFound,         ///< a name, file or CID that is not there
  Unsupported,      ///< valid, but this browser, adapter or build can't do it
  BrowserNotFound,  ///< no browser of the asked kind is installed
  BrowserFailed,    ///< the browser was found but did not start or connect
  WorkerLost,       ///< the browser, page or worker ended while it held the job
  DeviceLost,       ///< the graphics device went away under the job; the browser lives on
  WrongResult,      ///< the backend's answer disagrees with the reference
  Integrity,        ///< bytes that don't match their hash
  Storage,          ///< reading or writing local files failed
  NoSpace,          ///< the disk is full
  Busy,             ///< another process holds it
  PortInUse,        ///< the asked TCP port is taken
  OutOfMemory,      ///< the browser could not allocate what the model needs
  Fetch,            ///< a source (npm, Maven, …) did not deliver
  Timeout,          ///< the deadline passed
  Cancelled,        ///< the caller gave up
  Protocol,         ///< a peer broke the wire protocol
  Unauthorized,     ///< a peer without the right token or origin
  Internal,         ///< a defect of webpool, or of what a program has added to it
};

/// The stable snake_case name of a category, e.g. "invalid_input".
std::string_view categoryName(ErrorCategory category) noexcept;

/// The category of a stable name; Internal for a name that is none.
ErrorCategory categoryFromName(std::string_view name) noexcept;

struct Error {
  ErrorCategory category = ErrorCategory::Internal;
  std::string message;  ///< what happened and the cause, one sentence, no trailing newline
  std::string hint;     ///< the next step for a person; may be empty
  /// In about what time the same call may succeed; unset: not known.
  std::optional<std::chrono::milliseconds> retryAfter{};

  /// True where the same call can succeed later without any change.
  bool shouldRetry() const noexcept;

  /// "message (hint)" for a log line or a terminal.
  std::string describe() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// Builds the failing side of any Result.
inline std::unexpected<Error> fail(ErrorCategory category, std::string message,
                                   std::string hint = {}) {
  return std::unexpected(Error{category, std::move(message), std::move(hint)});
}

}  // namespace webpool

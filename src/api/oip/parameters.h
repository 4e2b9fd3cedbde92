// The parameters of a request of the Open Inference Protocol: those that say when it is to be done
// and for whom, and which others a task takes. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "webpool/model.h"

namespace webpool::api::oip {

struct Schedule {
  std::uint64_t priority = 0;                          ///< 1 is the highest; 0: the default
  std::optional<std::chrono::microseconds> timeout{};  ///< of the whole request
  std::string user{};                                  ///< for whom; empty: not said

  /// All but `user`.
  void applyTo(RunOptions& options) const;
};

/// Takes what it reads out of `given`, and `sequence_id`, `sequence_start` and `sequence_end`,
/// which Triton's clients send: they mean nothing to models that keep no state. InvalidInput names
/// what is none of its kind.
Result<Schedule> takeSchedule(boost::json::object& given);

/// InvalidInput names a parameter that the task does not know (docs/protocol.md).
Result<void> checkTaskParameters(std::string_view task, const boost::json::object& given);

}  // namespace webpool::api::oip

// The public values as JSON, as a program and the `webpool serve` that works for it exchange them
// (docs/serving.md, "A pool for other programs"). Pure.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "webpool/model.h"
#include "webpool/pool.h"

namespace webpool::remote {

/// Of the exchange; raised when an older side would misread a newer one.
inline constexpr int kProtocol = 1;

/// One of the values below.
template <class T>
boost::json::object toJson(const T& value);

/// Fields that are missing keep their defaults. Protocol names the first field that can't be read.
template <class T>
Result<T> fromJson(const boost::json::value& value);

// ModelOptions without progress, timeout and stop; RunOptions without stop and onPartial; Inference
// without its tensors. The time of a StateChange
// or a ScalingEvent travels as its age.
#define WEBPOOL_REMOTE_VALUE(T)                            \
  extern template boost::json::object toJson<T>(const T&); \
  extern template Result<T> fromJson<T>(const boost::json::value&);
WEBPOOL_REMOTE_VALUE(BrowserCapabilities)
WEBPOOL_REMOTE_VALUE(ConnectionStats)
WEBPOOL_REMOTE_VALUE(Error)
WEBPOOL_REMOTE_VALUE(Inference)
WEBPOOL_REMOTE_VALUE(ModelCalls)
WEBPOOL_REMOTE_VALUE(ModelDescription)
WEBPOOL_REMOTE_VALUE(ModelInfo)
WEBPOOL_REMOTE_VALUE(ModelOptions)
WEBPOOL_REMOTE_VALUE(PartialAnswer)
WEBPOOL_REMOTE_VALUE(Progress)
WEBPOOL_REMOTE_VALUE(RunOptions)
WEBPOOL_REMOTE_VALUE(ScalingEvent)
#undef WEBPOOL_REMOTE_VALUE

}  // namespace webpool::remote

// A comparison that can't be measured ends there and then: nothing of it is left to save, and the
// next one is measured all the same. So the comparisons throw where webpool itself returns errors.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "webpool/error.h"

namespace webpool::bench {

class BenchFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The value, or BenchFailure.
template <class T>
T valueOf(Result<T> result) {
  if (!result) throw BenchFailure(result.error().describe());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline void require(bool condition, const std::string& otherwise) {
  if (!condition) throw BenchFailure(otherwise);
}

}  // namespace webpool::bench

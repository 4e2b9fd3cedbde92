// Slows down who knocks too often at a door that is open to the network: by address, and all
// together, so that many addresses gain little.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace webpool::pool {

struct JoinLimits {
  double perSecond = 2;  ///< of one address, in the long run
  double burst = 20;     ///< of one address at once
  double allPerSecond = 50;
  double allBurst = 200;
  std::size_t maxAddresses = 4096;  ///< remembered; the fullest buckets are forgotten first
};

/// A machine without a clock of its own; call it on one thread.
class JoinLimiter {
 public:
  explicit JoinLimiter(JoinLimits limits) : limits_(limits) {}

  /// Takes one request of "address:port"; false: it comes too soon.
  [[nodiscard]] bool take(std::string_view peer, base::TimePoint now);

 private:
  struct Bucket {
    double tokens = 0;
    base::TimePoint filledAt{};
  };
  static void fill(Bucket& bucket, double perSecond, double burst, base::TimePoint now);
  void forgetFull(base::TimePoint now);

  JoinLimits limits_;
  Bucket all_{};
  bool begun_ = false;
  std::map<std::string, Bucket, std::less<>> byAddress_;
};

}  // namespace webpool::pool

// What was measured of each host that content is fetched from: how long a connection takes, how
// long the first byte, how many bytes a second, how often it is right. Old measurements fade, so
// that a host which was bad once is tried again. Pure: the time is passed in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace webpool::fetch {

using base::Duration;
using base::TimePoint;

struct HostScoreOptions {
  /// After this time a measurement counts half of what it did.
  Duration halfLife = std::chrono::minutes(30);
  /// What an earlier measurement of the same host counts beside a new one.
  double keep = 0.75;
  /// Seconds of transfer after which an earlier rate counts half.
  double rateHalfLifeSeconds = 2;
  std::size_t mostHosts = 256;  ///< more, and those that are known least are forgotten

  // What is taken for true of a host that nobody has asked yet.
  Duration connect = std::chrono::milliseconds(50);
  Duration firstByte = std::chrono::milliseconds(100);
  double bytesPerSecond = 8e6;
  double success = 0.8;
};

struct HostEstimate {
  Duration connect{};
  Duration firstByte{};  ///< from a request that was sent to the first byte of its answer
  double bytesPerSecond = 0;
  double success = 0;  ///< share of its answers that were right

  /// What so many bytes take over a connection that is there, failures that are to be expected
  /// included.
  Duration timeFor(std::uint64_t bytes) const;
};

/// Not thread-safe.
class HostScores {
 public:
  explicit HostScores(HostScoreOptions options = {}) : options_(options) {}

  void connected(std::string_view host, Duration took, TimePoint now);
  void firstByte(std::string_view host, Duration took, TimePoint now);
  /// So much came in a time in which the host had something to send, over all its connections.
  void moved(std::string_view host, std::uint64_t bytes, Duration took, TimePoint now);
  void answered(std::string_view host, bool right, TimePoint now);

  HostEstimate of(std::string_view host, TimePoint now) const;

  /// As JSON, as of `now`.
  std::string save(TimePoint now) const;
  /// Adds what an earlier save() gave `age` ago. What is no such text changes nothing.
  void load(std::string_view text, Duration age, TimePoint now);

  std::size_t hosts() const noexcept { return hosts_.size(); }

 private:
  struct Mean {
    double sum = 0;
    double weight = 0;
  };
  struct Host {
    Mean connect, firstByte, success;  ///< seconds, seconds, 0 or 1
    Mean rate;                         ///< bytes over seconds
    TimePoint touched{};
  };

  Host& touch(std::string_view host, TimePoint now);
  void fade(Host& host, TimePoint now) const;
  void add(Mean& mean, double value) const;
  void forgetOne(std::string_view but);

  HostScoreOptions options_;
  std::map<std::string, Host, std::less<>> hosts_;
};

}  // namespace webpool::fetch

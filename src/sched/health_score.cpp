#include "sched/health_score.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace webpool::sched {
namespace {

/// 1 up to the expected, then inversely as far above it.
double factorOf(double ratio) {
  if (std::isnan(ratio)) return 0;
  return ratio <= 1 ? 1 : 1 / ratio;
}

Duration medianOf(std::vector<Duration> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

double healthScore(const HealthInputs& inputs) noexcept {
  const double rate = std::isnan(inputs.successRate) ? 0 : std::clamp(inputs.successRate, 0.0, 1.0);
  const int missed = static_cast<int>(std::min(inputs.missedHeartbeats, 1000u));
  return rate * std::ldexp(1.0, -missed) * factorOf(inputs.latencyRatio) *
         factorOf(inputs.memoryRatio);
}

double HealthTracker::weightAt(TimePoint now) const {
  const auto passed = std::chrono::duration<double>(now - agedAt_);
  const auto half = std::chrono::duration<double>(options_.halfLife);
  return std::exp2(-std::max(0.0, passed / half));
}

void HealthTracker::age(TimePoint now) {
  const double weight = weightAt(now);
  successes_ *= weight;
  failures_ *= weight;
  agedAt_ = std::max(agedAt_, now);
}

void HealthTracker::succeeded(Duration latency, TimePoint now) {
  age(now);
  successes_ += 1;
  latencies_.push_back(latency);
  if (latencies_.size() > options_.window) latencies_.pop_front();
}

void HealthTracker::failed(TimePoint now) {
  age(now);
  failures_ += 1;
}

void HealthTracker::memorySampled(std::uint64_t bytes, std::uint64_t expected) {
  inputs_.memoryRatio = expected == 0 ? 1 : double(bytes) / double(expected);
}

std::optional<Duration> HealthTracker::medianLatency() const {
  if (latencies_.empty()) return std::nullopt;
  return medianOf({latencies_.begin(), latencies_.end()});
}

HealthInputs HealthTracker::inputs(TimePoint now) const {
  auto inputs = inputs_;
  const double weight = weightAt(now);
  inputs.successRate = (successes_ * weight + 1) / ((successes_ + failures_) * weight + 1);
  // Fewer than twice the recent ones have no past to compare with.
  if (options_.recent > 0 && latencies_.size() >= 2 * options_.recent) {
    const auto median = *medianLatency();
    const auto recent = medianOf(
        {latencies_.end() - static_cast<std::ptrdiff_t>(options_.recent), latencies_.end()});
    if (median > Duration::zero())
      inputs.latencyRatio = double(recent.count()) / double(median.count());
  }
  return inputs;
}

}  // namespace webpool::sched

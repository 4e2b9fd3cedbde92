#include "sched/load_forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace webpool::sched {
namespace {

/// The longer the past, the longer a search takes and the less a new bucket changes.
constexpr std::size_t kSearchEvery = 16;
/// Buckets by which the level of this cycle is told.
constexpr std::size_t kLevelOf = 15;
/// Below this load (workers kept busy) nothing is worth a forecast.
constexpr double kNothing = 1e-3;

}  // namespace

LoadForecast::LoadForecast(ForecastOptions options) : options_(options) {
  options_.bucket = std::max(options_.bucket, Duration(std::chrono::milliseconds(1)));
  options_.shortest = std::max<std::size_t>(2, options_.shortest);
  options_.cycles = std::max<std::size_t>(2, options_.cycles);
}

void LoadForecast::add(double load, TimePoint now) {
  if (!std::isfinite(load) || load < 0) return;
  if (!since_) since_ = now;
  // A gap is filled with what was there last: nobody told anything else.
  for (std::size_t closed = 0; now - *since_ >= options_.bucket; ++closed) {
    if (closed > options_.remembered) {
      since_ = now;
      break;
    }
    close();
    *since_ += options_.bucket;
  }
  sum_ += load;
  count_ += 1;
  latest_ = load;
}

void LoadForecast::close() {
  past_.push_back(count_ > 0 ? sum_ / count_ : latest_);
  sum_ = 0;
  count_ = 0;
  if (past_.size() > options_.remembered) {
    const auto dropped = std::max<std::size_t>(1, options_.remembered / 8);
    past_.erase(past_.begin(), past_.begin() + static_cast<std::ptrdiff_t>(dropped));
  }
  if (untilSearch_ > 0) {
    --untilSearch_;
    return;
  }
  untilSearch_ = std::max(kSearchEvery, past_.size() / kSearchEvery);
  findPeriod();
}

double LoadForecast::correlation(std::size_t lag, std::span<const double> sums) const {
  // What changes more slowly than such a period would make all neighbours alike: each value is
  // taken against the mean of a period before and after it.
  std::vector<double> rest(past_.size());
  for (std::size_t i = 0; i < past_.size(); ++i) {
    const auto from = i > lag ? i - lag : 0;
    const auto to = std::min(past_.size(), i + lag);
    rest[i] = past_[i] - (sums[to] - sums[from]) / double(to - from);
  }
  double product = 0, earlySquares = 0, lateSquares = 0;
  for (std::size_t i = lag; i < rest.size(); ++i) {
    product += rest[i - lag] * rest[i];
    earlySquares += rest[i - lag] * rest[i - lag];
    lateSquares += rest[i] * rest[i];
  }
  const double scale = std::sqrt(earlySquares * lateSquares);
  return scale > 1e-9 ? product / scale : 0;
}

void LoadForecast::findPeriod() {
  period_ = 0;
  const auto longest = past_.size() / options_.cycles;
  if (longest <= options_.shortest) return;
  std::vector<double> sums(past_.size() + 1, 0);
  std::partial_sum(past_.begin(), past_.end(), sums.begin() + 1);
  std::vector<double> similar(longest + 1, -1);
  for (std::size_t lag = options_.shortest; lag <= longest; ++lag)
    similar[lag] = correlation(lag, sums);
  // Neighbours are always alike: what counts comes after the load was unlike itself once.
  auto from = options_.shortest;
  while (from <= longest && similar[from] > options_.similarity / 2) ++from;
  if (from > longest) return;
  const auto first = similar.begin() + static_cast<std::ptrdiff_t>(from);
  const double best = *std::max_element(first, similar.end());
  if (best < options_.similarity) return;
  // A period's multiples are as similar, but for chance: the first that comes near the best.
  const auto isNear = [&](double value) { return value >= 0.9 * best; };
  const auto near = std::find_if(first, similar.end(), isNear);
  const auto end = std::find_if_not(near, similar.end(), isNear);
  // Of these the one that would have told the last cycle best.
  double least = 0;
  std::size_t found = 0;
  for (auto at = near; at != end; ++at) {
    const auto lag = static_cast<std::size_t>(at - similar.begin());
    const double error = errorOf(lag, lag);
    if (found != 0 && error >= least) continue;
    least = error;
    found = lag;
  }
  const auto soon = std::clamp<std::size_t>(found / 4, 1, 5);
  if (least < errorOf(soon, found)) period_ = found;
}

double LoadForecast::errorOf(std::size_t back, std::size_t cycle) const {
  double sum = 0;
  for (std::size_t i = past_.size() - cycle; i < past_.size(); ++i)
    sum += std::abs(past_[i] - past_[i - back]);
  return sum / double(cycle);
}

double LoadForecast::seasonal(std::size_t bucketsAhead) const {
  // past_.size() is the place of the bucket that is still open. What happened in one cycle of three
  // was chance, and so may be what happened in one of two.
  std::vector<double> seen;
  for (std::size_t back = period_; back <= past_.size() && seen.size() < 3; back += period_) {
    const auto at = past_.size() - back + bucketsAhead;
    if (at < past_.size()) seen.push_back(past_[at]);
  }
  if (seen.empty()) return latest_;
  std::ranges::sort(seen);
  return seen[(seen.size() - 1) / 2];
}

Forecast LoadForecast::most(Duration ahead) const {
  Forecast forecast{latest_, period()};
  if (period_ == 0) return forecast;
  // One moment's load is chance; the present is the caller's own concern.
  forecast.load = 0;
  const auto buckets = static_cast<std::size_t>(std::max<std::int64_t>(0, ahead / options_.bucket));
  // Today may be busier than yesterday: the level of the last buckets against the same ones before.
  // The median, or a burst that is just over would be expected to go on.
  std::vector<double> levels;
  for (std::size_t i = past_.size() - std::min({past_.size() - period_, period_, kLevelOf});
       i < past_.size(); ++i) {
    if (past_[i - period_] > kNothing) levels.push_back(past_[i] / past_[i - period_]);
  }
  std::ranges::sort(levels);
  const double level = levels.empty() ? 1 : std::clamp(levels[levels.size() / 2], 0.5, 1.5);
  for (std::size_t i = 1; i <= std::min(buckets + 1, period_ - 1); ++i)
    forecast.load = std::max(forecast.load, level * seasonal(i));
  // A guess goes no higher than what was seen: what is more than ever is noticed when it is there.
  const auto cycles = std::min(past_.size(), 3 * period_);
  const auto seen = past_.end() - static_cast<std::ptrdiff_t>(cycles);
  forecast.load = std::min(forecast.load, *std::max_element(seen, past_.end()));
  return forecast;
}

std::optional<Duration> LoadForecast::period() const {
  if (period_ == 0) return std::nullopt;
  return options_.bucket * static_cast<std::int64_t>(period_);
}

}  // namespace webpool::sched

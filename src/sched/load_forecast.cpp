#include "sched/load_forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace webpool::sched {
namespace {

/// The longer the past, the longer a search takes and the less a new bucket changes.
constexpr std::size_t kSearchEvery = 16;
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

double LoadForecast::correlation(std::size_t lag) const {
  const std::size_t n = past_.size() - lag;
  const auto meanOf = [&](std::size_t from) {
    const auto first = past_.begin() + static_cast<std::ptrdiff_t>(from);
    return std::accumulate(first, first + static_cast<std::ptrdiff_t>(n), 0.0) / double(n);
  };
  const double early = meanOf(0);
  const double late = meanOf(lag);
  double product = 0, earlySquares = 0, lateSquares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double a = past_[i] - early;
    const double b = past_[i + lag] - late;
    product += a * b;
    earlySquares += a * a;
    lateSquares += b * b;
  }
  const double scale = std::sqrt(earlySquares * lateSquares);
  return scale > 0 ? product / scale : 0;
}

void LoadForecast::findPeriod() {
  period_ = 0;
  const auto longest = past_.size() / options_.cycles;
  if (longest <= options_.shortest) return;
  std::vector<double> similar(longest + 1, -1);
  for (std::size_t lag = options_.shortest; lag <= longest; ++lag) similar[lag] = correlation(lag);
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
  const auto peak = std::max_element(near, std::find_if_not(near, similar.end(), isNear));
  const auto lag = static_cast<std::size_t>(peak - similar.begin());
  if (foretells(lag)) period_ = lag;
}

bool LoadForecast::foretells(std::size_t lag) const {
  // Over the last cycle, some buckets ahead: the load one period before, or the load as it was.
  const std::size_t ahead = std::max<std::size_t>(1, std::min<std::size_t>(lag / 4, 5));
  double periodic = 0, asNow = 0;
  for (std::size_t i = past_.size() - lag; i < past_.size(); ++i) {
    if (i < lag || i < ahead) continue;
    periodic += std::abs(past_[i] - past_[i - lag]);
    asNow += std::abs(past_[i] - past_[i - ahead]);
  }
  return periodic < asNow;
}

double LoadForecast::seasonal(std::size_t bucketsAhead) const {
  // past_.size() is the place of the bucket that is still open.
  double sum = 0, count = 0;
  for (std::size_t back = period_; back <= past_.size() && count < 3; back += period_) {
    const auto at = past_.size() - back + bucketsAhead;
    if (at >= past_.size()) continue;
    sum += past_[at];
    count += 1;
  }
  return count > 0 ? sum / count : latest_;
}

Forecast LoadForecast::most(Duration ahead) const {
  Forecast forecast{latest_, period()};
  if (period_ == 0) return forecast;
  const auto buckets = static_cast<std::size_t>(std::max<std::int64_t>(0, ahead / options_.bucket));
  // Today may be busier than yesterday: the level of the last buckets against the same ones before.
  double now = 0, then = 0;
  for (std::size_t i = past_.size() - std::min<std::size_t>(past_.size() - period_, 5);
       i < past_.size(); ++i) {
    now += past_[i];
    then += past_[i - period_];
  }
  const double level = then > kNothing ? std::clamp(now / then, 0.5, 2.0) : 1;
  for (std::size_t i = 1; i <= std::min(buckets + 1, period_ - 1); ++i)
    forecast.load = std::max(forecast.load, level * seasonal(i));
  return forecast;
}

std::optional<Duration> LoadForecast::period() const {
  if (period_ == 0) return std::nullopt;
  return options_.bucket * static_cast<std::int64_t>(period_);
}

}  // namespace webpool::sched

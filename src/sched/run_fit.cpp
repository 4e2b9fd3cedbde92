#include "sched/run_fit.h"

#include <algorithm>
#include <cmath>

namespace webpool::sched {
namespace {

using Matrix = std::array<double, 6>;

constexpr double kLengthUnit = 128;
/// Added to each diagonal, as a share of it: sizes that are all alike leave the rest open.
constexpr double kLeastRidge = 1e-6;

/// Where row i, column j lies among the six numbers.
constexpr std::size_t kAt[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}};

double dot(const RunTerms& a, const RunTerms& b) noexcept {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/// By cofactors. False where it has none that can be relied on.
bool invert(const Matrix& m, Matrix& inverse) {
  const double c00 = m[3] * m[5] - m[4] * m[4];
  const double c01 = m[2] * m[4] - m[1] * m[5];
  const double c02 = m[1] * m[4] - m[2] * m[3];
  const double determinant = m[0] * c00 + m[1] * c01 + m[2] * c02;
  if (!(determinant > 1e-18 * m[0] * m[3] * m[5])) return false;
  inverse = {c00 / determinant,
             c01 / determinant,
             c02 / determinant,
             (m[0] * m[5] - m[2] * m[2]) / determinant,
             (m[1] * m[2] - m[0] * m[4]) / determinant,
             (m[0] * m[3] - m[1] * m[1]) / determinant};
  return true;
}

RunTerms times(const Matrix& m, const RunTerms& v) noexcept {
  return {m[0] * v[0] + m[1] * v[1] + m[2] * v[2], m[1] * v[0] + m[3] * v[1] + m[4] * v[2],
          m[2] * v[0] + m[4] * v[1] + m[5] * v[2]};
}

double lossOf(const Matrix& m, const RunTerms& right, const RunTerms& x) noexcept {
  return dot(x, times(m, x)) / 2 - dot(right, x);
}

/// The least loss where only one of the terms is used, or two.
RunTerms bestOfFew(const Matrix& m, const RunTerms& right) {
  RunTerms best{};
  double least = 0;
  const auto consider = [&](const RunTerms& x) {
    const bool allowed = std::ranges::all_of(x, [](double value) { return value >= 0; });
    const double loss = lossOf(m, right, x);
    if (!allowed || !(loss < least)) return;
    least = loss;
    best = x;
  };
  for (std::size_t i = 0; i < 3; ++i) {
    const double own = m[kAt[i][i]];
    if (own > 0) {
      RunTerms x{};
      x[i] = right[i] / own;
      consider(x);
    }
    const std::size_t j = (i + 1) % 3;
    const double cross = m[kAt[i][j]];
    const double determinant = own * m[kAt[j][j]] - cross * cross;
    if (determinant > 0) {
      RunTerms x{};
      x[i] = (right[i] * m[kAt[j][j]] - right[j] * cross) / determinant;
      x[j] = (right[j] * own - right[i] * cross) / determinant;
      consider(x);
    }
  }
  return best;
}

bool allFinite(std::span<const double> numbers) {
  return std::ranges::all_of(numbers, [](double value) { return std::isfinite(value); });
}

}  // namespace

RunTerms termsOf(const RunSize& size) noexcept {
  const double items = std::max(0.0, size.items);
  return {1, items, items * std::max(0.0, size.length) / kLengthUnit};
}

double timeOf(const RunTerms& coefficients, const RunSize& size) noexcept {
  return dot(coefficients, termsOf(size));
}

void RunFit::setPrior(const RunTerms& coefficients, double strength) {
  prior_ = coefficients;
  strength_ = strength;
  if (weight_ == 0) {
    coefficients_ = prior_;
  } else {
    solve();
  }
}

void RunFit::add(const RunSize& size, double ms, double weight, double keep) {
  const auto terms = termsOf(size);
  const double believed = timeOf(prior_, size);
  if (weight_ == 0) {
    // The first run gives the level; the prior says how it depends on the size, and where there is
    // none each term takes its share.
    if (believed > 0) {
      for (auto& value : prior_) value *= ms / believed;
    } else {
      const double used = terms[2] > 0 ? 3 : 2;
      for (std::size_t i = 0; i < 3; ++i) prior_[i] = terms[i] > 0 ? ms / used / terms[i] : 0;
      strength_ = 0.2;
    }
  } else if (believed > 0) {
    // While few runs are known the prior follows them, so that it says the shape and no more.
    const double step = std::pow(ms / believed, weight / (1 + weight_));
    for (auto& value : prior_) value *= step;
  }
  const double known = at(size);
  const double scale = weight_ > 0 && known > 0 ? known : ms;
  for (auto& value : sums_) value *= keep;
  for (auto& value : rightSide_) value *= keep;
  const double factor = weight / (scale * scale);
  for (std::size_t i = 0; i < 3; ++i) {
    rightSide_[i] += factor * terms[i] * ms;
    for (std::size_t j = i; j < 3; ++j) sums_[kAt[i][j]] += factor * terms[i] * terms[j];
  }
  weight_ = weight_ * keep + weight;
  solve();
}

void RunFit::rescale(double ratio, double weight) {
  if (weight_ == 0) return;
  const double part = std::min(1.0, weight / weight_);
  for (auto& value : sums_) value *= part / (ratio * ratio);
  for (auto& value : rightSide_) value *= part / ratio;
  for (auto& value : prior_) value *= ratio;
  weight_ *= part;
  solve();
}

void RunFit::solve() {
  if (weight_ <= 0) return;
  // The prior is as if so many runs of the usual sizes had shown each coefficient by itself.
  Matrix m = sums_;
  RunTerms right = rightSide_;
  for (std::size_t i = 0; i < 3; ++i) {
    auto& own = m[kAt[i][i]];
    ridge_[i] = own * std::max(kLeastRidge, strength_ / weight_);
    // A term that no run had: only the prior speaks of it, and it counts as badly known.
    if (own <= 0) ridge_[i] = 1e-6 * sums_[0];
    own += ridge_[i];
    right[i] += ridge_[i] * prior_[i];
  }
  if (!invert(m, inverse_)) return;
  const auto free = times(inverse_, right);
  const bool allowed = std::ranges::all_of(free, [](double value) { return value >= 0; });
  coefficients_ = allowed ? free : bestOfFew(m, right);
}

double RunFit::leverage(const RunSize& size) const noexcept {
  const double known = at(size);
  if (weight_ <= 0 || known <= 0) return 1;
  const auto terms = termsOf(size);
  return std::clamp(dot(terms, times(inverse_, terms)) / (known * known), 0.0, 100.0);
}

double RunFit::guessed(const RunSize& size) const noexcept {
  const double known = at(size);
  if (weight_ <= 0 || known <= 0) return 1;
  // How much each of the prior's coefficients moves what is said here.
  const auto moved = times(inverse_, termsOf(size));
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double part = ridge_[i] * moved[i] * prior_[i] / known;
    sum += part * part;
  }
  return std::min(sum, 1.0);
}

RunFit::Numbers RunFit::numbers() const noexcept {
  Numbers all{};
  auto to = std::ranges::copy(sums_, all.begin()).out;
  to = std::ranges::copy(rightSide_, to).out;
  to = std::ranges::copy(prior_, to).out;
  *to++ = strength_;
  *to = weight_;
  return all;
}

bool RunFit::restore(std::span<const double, kNumbers> numbers) {
  const bool sound = allFinite(numbers) && numbers[0] >= 0 && numbers[3] >= 0 && numbers[5] >= 0 &&
                     std::ranges::all_of(numbers.last(5), [](double value) { return value >= 0; });
  if (!sound || (numbers[13] > 0 && numbers[0] <= 0)) return false;
  std::copy_n(numbers.begin(), 6, sums_.begin());
  std::copy_n(numbers.begin() + 6, 3, rightSide_.begin());
  std::copy_n(numbers.begin() + 9, 3, prior_.begin());
  strength_ = numbers[12];
  weight_ = numbers[13];
  coefficients_ = prior_;
  solve();
  return true;
}

}  // namespace webpool::sched

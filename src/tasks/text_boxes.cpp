#include "tasks/text_boxes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace webpool::tasks {
namespace {

/// A rectangle by its middle, the direction of one side and half of both.
struct Leaning {
  Point middle;
  Point along;  ///< unit vector
  double half = 0;
  double halfAcross = 0;

  double shorter() const { return 2 * std::min(half, halfAcross); }
};

double cross(const Point& origin, const Point& a, const Point& b) {
  return (a.x - origin.x) * (b.y - origin.y) - (a.y - origin.y) * (b.x - origin.x);
}

/// Andrew's monotone chain. `points` are sorted by x, then y.
std::vector<Point> convexHull(const std::vector<Point>& points) {
  if (points.size() < 3) return points;
  std::vector<Point> hull;
  const auto half = [&](auto begin, auto end) {
    const auto fixed = hull.size();
    for (auto point = begin; point != end; ++point) {
      while (hull.size() >= fixed + 2 && cross(hull[hull.size() - 2], hull.back(), *point) <= 0) {
        hull.pop_back();
      }
      hull.push_back(*point);
    }
    hull.pop_back();
  };
  half(points.begin(), points.end());
  half(points.rbegin(), points.rend());
  return hull;
}

/// The smallest rectangle around them has a side along one of the hull's.
Leaning smallestAround(const std::vector<Point>& hull) {
  Leaning best;
  double least = std::numeric_limits<double>::max();
  for (std::size_t i = 0; i < hull.size(); ++i) {
    const auto& from = hull[i];
    const auto& to = hull[(i + 1) % hull.size()];
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    const Point along =
        length > 0 ? Point{(to.x - from.x) / length, (to.y - from.y) / length} : Point{1, 0};
    double low = std::numeric_limits<double>::max();
    double high = std::numeric_limits<double>::lowest();
    double lowAcross = low;
    double highAcross = high;
    for (const auto& point : hull) {
      const double at = point.x * along.x + point.y * along.y;
      const double across = point.y * along.x - point.x * along.y;
      low = std::min(low, at);
      high = std::max(high, at);
      lowAcross = std::min(lowAcross, across);
      highAcross = std::max(highAcross, across);
    }
    const double area = (high - low) * (highAcross - lowAcross);
    if (area >= least) continue;
    least = area;
    const double middle = (low + high) / 2;
    const double middleAcross = (lowAcross + highAcross) / 2;
    best = {{middle * along.x - middleAcross * along.y, middle * along.y + middleAcross * along.x},
            along,
            (high - low) / 2,
            (highAcross - lowAcross) / 2};
  }
  return best;
}

/// Clockwise on the screen, from the corner where reading begins: the two left ones first, of each
/// pair the upper.
std::array<Point, 4> cornersOf(const Leaning& box) {
  std::array<Point, 4> corners;
  constexpr std::array<std::pair<int, int>, 4> kSides{{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}};
  std::ranges::transform(kSides, corners.begin(), [&](const auto& side) {
    const double at = side.first * box.half;
    const double across = side.second * box.halfAcross;
    return Point{box.middle.x + at * box.along.x - across * box.along.y,
                 box.middle.y + at * box.along.y + across * box.along.x};
  });
  std::ranges::sort(corners, {}, [](const Point& point) { return point.x; });
  const auto upperFirst = [](Point& a, Point& b) {
    if (b.y < a.y) std::swap(a, b);
  };
  upperFirst(corners[0], corners[1]);
  upperFirst(corners[2], corners[3]);
  return {corners[0], corners[2], corners[3], corners[1]};
}

class Finder {
 public:
  Finder(std::span<const float> map, std::size_t width, std::size_t height,
         const TextBoxOptions& options)
      : map_(map), width_(width), height_(height), options_(options), seen_(map.size()) {}

  std::vector<TextBox> find() {
    std::vector<TextBox> boxes;
    for (std::size_t at = 0; at < map_.size() && boxes.size() < options_.most; ++at) {
      if (seen_[at] || !isText(at)) continue;
      if (const auto box = boxOf(regionFrom(at))) boxes.push_back(*box);
    }
    return boxes;
  }

 private:
  bool isText(std::size_t at) const { return map_[at] > options_.threshold; }

  /// The pixels that hang together with this one, also by corners; of each row only the ends.
  std::vector<Point> regionFrom(std::size_t first) {
    std::vector<std::size_t> open{first};
    std::vector<Point> edge;
    seen_[first] = true;
    while (!open.empty()) {
      const auto at = open.back();
      open.pop_back();
      const auto x = at % width_;
      const auto y = at / width_;
      if (x == 0 || x + 1 == width_ || !isText(at - 1) || !isText(at + 1)) {
        edge.push_back({double(x), double(y)});
      }
      for (std::size_t ny = y > 0 ? y - 1 : 0; ny <= std::min(y + 1, height_ - 1); ++ny) {
        for (std::size_t nx = x > 0 ? x - 1 : 0; nx <= std::min(x + 1, width_ - 1); ++nx) {
          const auto next = ny * width_ + nx;
          if (seen_[next] || !isText(next)) continue;
          seen_[next] = true;
          open.push_back(next);
        }
      }
    }
    std::ranges::sort(
        edge, [](const Point& a, const Point& b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
    return edge;
  }

  std::optional<TextBox> boxOf(const std::vector<Point>& region) const {
    auto box = smallestAround(convexHull(region));
    if (box.shorter() < options_.leastSide) return std::nullopt;
    const double score = meanInside(box);
    if (score < options_.leastScore) return std::nullopt;
    const double girth = 4 * (box.half + box.halfAcross);
    const double grown = 4 * box.half * box.halfAcross * options_.growth / girth;
    box.half += grown;
    box.halfAcross += grown;
    if (box.shorter() < options_.leastSide + 2) return std::nullopt;
    return TextBox{cornersOf(box), score};
  }

  double meanInside(const Leaning& box) const {
    const double reachX = box.half * std::abs(box.along.x) + box.halfAcross * std::abs(box.along.y);
    const double reachY = box.half * std::abs(box.along.y) + box.halfAcross * std::abs(box.along.x);
    const auto clampTo = [](double value, std::size_t size) {
      return static_cast<std::size_t>(std::clamp(value, 0.0, double(size - 1)));
    };
    double sum = 0;
    std::size_t count = 0;
    for (auto y = clampTo(box.middle.y - reachY, height_);
         y <= clampTo(std::ceil(box.middle.y + reachY), height_); ++y) {
      for (auto x = clampTo(box.middle.x - reachX, width_);
           x <= clampTo(std::ceil(box.middle.x + reachX), width_); ++x) {
        const double dx = double(x) - box.middle.x;
        const double dy = double(y) - box.middle.y;
        if (std::abs(dx * box.along.x + dy * box.along.y) > box.half + 1e-6 ||
            std::abs(dy * box.along.x - dx * box.along.y) > box.halfAcross + 1e-6) {
          continue;
        }
        sum += map_[y * width_ + x];
        ++count;
      }
    }
    return count > 0 ? sum / double(count) : 0;
  }

  std::span<const float> map_;
  std::size_t width_;
  std::size_t height_;
  const TextBoxOptions& options_;
  std::vector<bool> seen_;
};

}  // namespace

std::vector<TextBox> textBoxes(std::span<const float> map, std::size_t width, std::size_t height,
                               const TextBoxOptions& options) {
  return Finder(map, width, height, options).find();
}

void sortAsRead(std::vector<TextBox>& boxes) {
  const auto top = [](const TextBox& box) { return box.corners[0].y; };
  const auto heightOf = [](const TextBox& box) {
    return std::hypot(box.corners[3].x - box.corners[0].x, box.corners[3].y - box.corners[0].y);
  };
  std::ranges::sort(boxes, {}, top);
  for (auto first = boxes.begin(); first != boxes.end();) {
    const double until = top(*first) + heightOf(*first) / 2;
    const auto last =
        std::find_if(first, boxes.end(), [&](const TextBox& box) { return top(box) > until; });
    std::sort(first, last,
              [](const TextBox& a, const TextBox& b) { return a.corners[0].x < b.corners[0].x; });
    first = last;
  }
}

}  // namespace webpool::tasks

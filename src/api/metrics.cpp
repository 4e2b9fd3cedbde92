#include "api/metrics.h"

#include <fmt/format.h>

#include <array>

namespace webpool::api {
namespace {

/// Seconds: a cached answer to a long generation.
constexpr std::array kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                             0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

std::string labelText(const Labels& labels) {
  if (labels.empty()) return {};
  std::string out;
  for (const auto& [name, value] : labels) {
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "{" : ",", name, escaped(value));
  }
  return out + "}";
}

void head(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

}  // namespace

void Metrics::began() {
  const std::lock_guard lock(mutex_);
  ++inFlight_;
}

void Metrics::ended(std::string_view route, int status, std::string_view model, double seconds) {
  const std::lock_guard lock(mutex_);
  --inFlight_;
  auto series = requests_.find(std::tuple(route, status, model));
  if (series == requests_.end()) {
    series = requests_.emplace(Series(route, status, model), 0).first;
  }
  ++series->second;
  auto ofRoute = seconds_.find(route);
  if (ofRoute == seconds_.end()) {
    ofRoute = seconds_.emplace(route, Histogram{.buckets = {}, .count = 0, .sum = 0}).first;
    ofRoute->second.buckets.resize(kBounds.size());
  }
  auto& histogram = ofRoute->second;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    if (seconds <= kBounds[i]) ++histogram.buckets[i];
  }
  ++histogram.count;
  histogram.sum += seconds;
}

void Metrics::read(std::function<std::vector<Gauge>()> gauges) {
  const std::lock_guard lock(mutex_);
  gauges_ = std::move(gauges);
}

std::string Metrics::text() const {
  std::string out;
  std::function<std::vector<Gauge>()> gauges;
  {
    const std::lock_guard lock(mutex_);
    gauges = gauges_;
    head(out, "webpool_http_requests_total", "Requests answered.", "counter");
    for (const auto& [series, count] : requests_) {
      const auto& [route, status, model] = series;
      const Labels labels{{"route", route}, {"status", std::to_string(status)}, {"model", model}};
      out += fmt::format("webpool_http_requests_total{} {}\n", labelText(labels), count);
    }
    head(out, "webpool_http_requests_in_flight", "Requests being answered.", "gauge");
    out += fmt::format("webpool_http_requests_in_flight {}\n", inFlight_);
    constexpr std::string_view kSeconds = "webpool_http_request_duration_seconds";
    head(out, kSeconds, "From the whole request to its answer's end.", "histogram");
    for (const auto& [route, histogram] : seconds_) {
      const auto bucket = [&](const std::string& bound, std::uint64_t count) {
        out += fmt::format("{}_bucket{{route=\"{}\",le=\"{}\"}} {}\n", kSeconds, escaped(route),
                           bound, count);
      };
      for (std::size_t i = 0; i < kBounds.size(); ++i) {
        bucket(fmt::format("{}", kBounds[i]), histogram.buckets[i]);
      }
      bucket("+Inf", histogram.count);
      out += fmt::format("{0}_sum{{route=\"{1}\"}} {2}\n{0}_count{{route=\"{1}\"}} {3}\n", kSeconds,
                         escaped(route), histogram.sum, histogram.count);
    }
  }
  if (!gauges) return out;
  std::string last;
  for (const auto& gauge : gauges()) {
    if (gauge.name != last) head(out, gauge.name, gauge.help, gauge.type);
    last = gauge.name;
    out += fmt::format("{}{} {}\n", gauge.name, labelText(gauge.labels), gauge.value);
  }
  return out;
}

}  // namespace webpool::api

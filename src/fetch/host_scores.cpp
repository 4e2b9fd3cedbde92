#include "fetch/host_scores.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <limits>

namespace webpool::fetch {
namespace {

namespace json = boost::json;

constexpr double kPriorWeight = 0.2;
constexpr double kPriorSeconds = 0.02;  ///< of transfer
constexpr double kLeastSuccess = 0.02;
constexpr double kLeastRate = 1;
constexpr std::size_t kMostText = 1u << 20;

double secondsOf(Duration span) {
  return std::chrono::duration<double>(span).count();
}

Duration spanOf(double seconds) {
  constexpr double kLongest = 1e9;
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::clamp(seconds, 0.0, kLongest)));
}

}  // namespace

Duration HostEstimate::timeFor(std::uint64_t bytes) const {
  const auto once = secondsOf(firstByte) + double(bytes) / std::max(bytesPerSecond, kLeastRate);
  return spanOf(once / std::max(success, kLeastSuccess));
}

void HostScores::fade(Host& host, TimePoint now) const {
  const auto passed = secondsOf(now - host.touched);
  host.touched = now;
  if (passed <= 0) return;
  const auto factor = std::exp2(-passed / secondsOf(options_.halfLife));
  for (auto* mean : {&host.connect, &host.firstByte, &host.success, &host.rate}) {
    mean->sum *= factor;
    mean->weight *= factor;
  }
}

void HostScores::forgetOne(std::string_view but) {
  const auto known = [&](const auto& entry) {
    if (entry.first == but) return std::numeric_limits<double>::infinity();
    return std::chrono::duration<double>(entry.second.touched.time_since_epoch()).count();
  };
  const auto least = std::ranges::min_element(hosts_, {}, known);
  if (least != hosts_.end()) hosts_.erase(least);
}

HostScores::Host& HostScores::touch(std::string_view host, TimePoint now) {
  auto found = hosts_.find(host);
  if (found == hosts_.end()) {
    found = hosts_.emplace(std::string(host), Host{}).first;
    found->second.touched = now;
    if (hosts_.size() > options_.mostHosts) forgetOne(host);
  }
  fade(found->second, now);
  return found->second;
}

void HostScores::add(Mean& mean, double value) const {
  mean.sum = mean.sum * options_.keep + value;
  mean.weight = mean.weight * options_.keep + 1;
}

void HostScores::connected(std::string_view host, Duration took, TimePoint now) {
  add(touch(host, now).connect, secondsOf(took));
}

void HostScores::firstByte(std::string_view host, Duration took, TimePoint now) {
  add(touch(host, now).firstByte, secondsOf(took));
}

void HostScores::moved(std::string_view host, std::uint64_t bytes, Duration took, TimePoint now) {
  auto& rate = touch(host, now).rate;
  const auto seconds = std::max(secondsOf(took), 0.0);
  const auto factor = std::exp2(-seconds / options_.rateHalfLifeSeconds);
  rate.sum = rate.sum * factor + double(bytes);
  rate.weight = rate.weight * factor + seconds;
}

void HostScores::answered(std::string_view host, bool right, TimePoint now) {
  add(touch(host, now).success, right ? 1 : 0);
}

HostEstimate HostScores::of(std::string_view name, TimePoint now) const {
  Host host;
  if (const auto found = hosts_.find(name); found != hosts_.end()) {
    host = found->second;
    fade(host, now);
  }
  const auto mean = [](const Mean& known, double prior, double weight) {
    return (known.sum + prior * weight) / (known.weight + weight);
  };
  HostEstimate estimate;
  estimate.connect = spanOf(mean(host.connect, secondsOf(options_.connect), kPriorWeight));
  estimate.firstByte = spanOf(mean(host.firstByte, secondsOf(options_.firstByte), kPriorWeight));
  estimate.success = mean(host.success, options_.success, kPriorWeight);
  estimate.bytesPerSecond = mean(host.rate, options_.bytesPerSecond, kPriorSeconds);
  return estimate;
}

std::string HostScores::save(TimePoint now) const {
  json::object hosts;
  for (const auto& [name, known] : hosts_) {
    auto host = known;
    fade(host, now);
    const auto pair = [](const Mean& mean) { return json::array{mean.sum, mean.weight}; };
    hosts[name] = json::object{{"connect", pair(host.connect)},
                               {"first_byte", pair(host.firstByte)},
                               {"rate", pair(host.rate)},
                               {"success", pair(host.success)}};
  }
  return json::serialize(json::object{{"version", 1}, {"hosts", std::move(hosts)}});
}

void HostScores::load(std::string_view text, Duration age, TimePoint now) {
  boost::system::error_code error;
  if (text.size() > kMostText) return;
  const auto value = json::parse(text, error);
  if (error || !value.is_object()) return;
  const auto& root = value.get_object();
  const auto* version = root.if_contains("version");
  const auto* hosts = root.if_contains("hosts");
  if (version == nullptr || *version != 1 || hosts == nullptr || !hosts->is_object()) return;
  const auto read = [](const json::object& from, std::string_view key, Mean& mean) {
    const auto* pair = from.if_contains(key);
    if (pair == nullptr || !pair->is_array() || pair->get_array().size() != 2) return false;
    std::array<double, 2> numbers{};
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& number = pair->get_array()[i];
      if (!number.is_number()) return false;
      numbers[i] = number.to_number<double>();
      if (!std::isfinite(numbers[i]) || numbers[i] < 0) return false;
    }
    mean = {numbers[0], numbers[1]};
    return true;
  };
  for (const auto& [name, entry] : hosts->get_object()) {
    if (!entry.is_object() || hosts_.size() >= options_.mostHosts) continue;
    const auto& from = entry.get_object();
    Host host;
    host.touched = now - std::max(age, Duration::zero());
    if (read(from, "connect", host.connect) && read(from, "first_byte", host.firstByte) &&
        read(from, "rate", host.rate) && read(from, "success", host.success)) {
      fade(host, now);
      hosts_.insert_or_assign(std::string(name), host);
    }
  }
}

}  // namespace webpool::fetch

#include "sched/unload_choice.h"

#include <algorithm>
#include <cmath>

namespace webpool::sched {
namespace {

/// A model whose load was never seen is taken for one that loads in so many seconds.
constexpr double kUnknownLoad = 2;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

double UnloadChoice::weightAt(const Facts& facts, TimePoint now) const {
  const double passed = std::max(0.0, seconds(now - facts.lastAsked));
  return facts.weight * std::exp2(-passed / std::max(1e-3, seconds(options_.horizon)));
}

void UnloadChoice::asked(const std::string& model, TimePoint now) {
  auto& facts = facts_[model];
  facts.weight = weightAt(facts, now) + 1;
  facts.lastAsked = now;
}

void UnloadChoice::loaded(const std::string& model, Duration took) {
  auto& mean = facts_[model].loadSeconds;
  mean = mean == 0 ? seconds(took) : (mean + seconds(took)) / 2;
}

double UnloadChoice::rate(const std::string& model, TimePoint now) const {
  const auto at = facts_.find(model);
  if (at == facts_.end()) return 0;
  // Calls at a steady rate r weigh r · horizon / ln 2.
  return weightAt(at->second, now) * std::log(2.0) / std::max(1e-3, seconds(options_.horizon));
}

double UnloadChoice::chanceSoon(const std::string& model, TimePoint now) const {
  return 1 - std::exp(-rate(model, now) * seconds(options_.horizon));
}

double UnloadChoice::costOfReturn(const std::string& model, TimePoint now) const {
  const auto at = facts_.find(model);
  const double load =
      at == facts_.end() || at->second.loadSeconds == 0 ? kUnknownLoad : at->second.loadSeconds;
  return load * chanceSoon(model, now);
}

double UnloadChoice::companyOf(const MemoryPicture& picture, const ResidentModel& model) const {
  const auto typeOf = [&](const ResidentModel& other) -> std::string {
    const auto at = facts_.find(nameOf(other));
    return at == facts_.end() ? std::string() : at->second.type;
  };
  const auto own = typeOf(model);
  double others = 0, alike = 0;
  for (const auto& [id, other] : picture.models) {
    if (other.connection != model.connection || nameOf(other) == nameOf(model)) continue;
    others += 1;
    if (!own.empty() && typeOf(other) == own) alike += 1;
  }
  return others > 0 ? alike / others : 0;
}

KeepFacts UnloadChoice::facts(const MemoryPicture& picture, const ResidentModel& model,
                              TimePoint now) const {
  const auto name = nameOf(model);
  KeepFacts facts{.callsPerSecond = rate(name, now), .chanceSoon = chanceSoon(name, now)};
  // What is unloaded is a whole model: all its components on all browsers count as its bytes.
  double company = 0;
  for (const auto& [id, part] : picture.models) {
    if (nameOf(part) != name) continue;
    facts.bytes += part.bytes();
    facts.lastUsed = std::max(facts.lastUsed, part.lastUsed);
    company = std::max(company, companyOf(picture, part));
  }
  if (const auto at = facts_.find(name); at != facts_.end())
    facts.loadSeconds = at->second.loadSeconds;
  facts.worth = (1 + options_.company * company) * costOfReturn(name, now) /
                std::max(1.0, double(facts.bytes));
  return facts;
}

UnloadWorth UnloadChoice::worth(const MemoryPicture& picture, TimePoint now) const {
  std::map<ResidentId, double> worth;
  for (const auto& [id, model] : picture.models) worth[id] = facts(picture, model, now).worth;
  return [worth = std::move(worth)](const ResidentModel& model) {
    const auto at = worth.find(model.id);
    return at == worth.end() ? 0.0 : at->second;
  };
}

}  // namespace webpool::sched

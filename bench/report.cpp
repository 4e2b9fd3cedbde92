#include "report.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <ostream>

namespace webpool::bench {
namespace {

std::string number(double value) {
  if (value >= 100) return fmt::format("{:.0f}", value);
  if (value >= 10) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

std::string sideText(const Side& side) {
  return fmt::format("{}: {} {}", side.what, number(spreadOf(side.values).median), side.unit);
}

std::string ratioText(const Spread& ratio) {
  const int digits = ratio.median < 10 ? 3 : 1;
  return fmt::format("{:.{}f} ({:.{}f}–{:.{}f})", ratio.median, digits, ratio.min, digits,
                     ratio.max, digits);
}

std::string verdict(const Comparison& comparison) {
  if (!comparison.aim) return "–";
  return comparison.aim->isMetBy(comparison.ratio.median) ? "met" : "missed";
}

std::string line(const Comparison& comparison) {
  return fmt::format("| {} | {} | {} | {} | {} | {} |", comparison.figure,
                     sideText(comparison.numerator), sideText(comparison.denominator),
                     ratioText(comparison.ratio), comparison.aim ? comparison.aim->text() : "–",
                     verdict(comparison));
}

boost::json::object toJson(const Side& side) {
  const auto spread = spreadOf(side.values);
  return {{"what", side.what},       {"unit", side.unit},
          {"median", spread.median}, {"min", spread.min},
          {"max", spread.max},       {"slices", boost::json::value_from(side.values)}};
}

boost::json::object toJson(const Comparison& comparison) {
  boost::json::object object{{"figure", comparison.figure},
                             {"numerator", toJson(comparison.numerator)},
                             {"denominator", toJson(comparison.denominator)},
                             {"ratio", comparison.ratio.median},
                             {"ratio_min", comparison.ratio.min},
                             {"ratio_max", comparison.ratio.max}};
  if (comparison.aim) {
    object["aim"] = comparison.aim->text();
    object["met"] = comparison.aim->isMetBy(comparison.ratio.median);
  }
  return object;
}

}  // namespace

bool Aim::isMetBy(double ratio) const {
  return kind == Kind::AtLeast ? ratio >= value : ratio <= value;
}

std::string Aim::text() const {
  return fmt::format("{} {}", kind == Kind::AtLeast ? "≥" : "≤", value);
}

void Report::add(Comparison comparison, std::ostream& progress) {
  progress << line(comparison) << std::endl;
  comparisons_.push_back(std::move(comparison));
}

void Report::addFailure(const std::string& figure, const std::string& why) {
  failures_.emplace_back(figure, why);
}

void Report::writeMarkdown(std::ostream& out) const {
  out << "Machine: " << machine_.text() << "\n\n"
      << "| figure | measured | compared with | ratio: median (min–max) | aim | |\n"
      << "|---|---|---|---|---|---|\n";
  for (const auto& comparison : comparisons_) out << line(comparison) << '\n';
  for (const auto& phases : phases_) {
    out << "\n" << phases.of << ": ";
    const char* between = "";
    for (const auto& [name, value] : phases.parts) {
      out << between << name << ' ' << number(value);
      between = ", ";
    }
    out << '\n';
  }
  for (const auto& [figure, why] : failures_) {
    out << "\nNot measured: " << figure << ": " << why << '\n';
  }
}

boost::json::object Report::json() const {
  boost::json::array comparisons;
  for (const auto& comparison : comparisons_) comparisons.push_back(toJson(comparison));
  boost::json::array phases;
  for (const auto& entry : phases_) {
    boost::json::object parts;
    for (const auto& [name, value] : entry.parts) parts[name] = value;
    phases.push_back({{"of", entry.of}, {"parts", parts}});
  }
  boost::json::array failures;
  for (const auto& [figure, why] : failures_) {
    failures.push_back({{"figure", figure}, {"why", why}});
  }
  return {{"machine", machine_.json()},
          {"comparisons", comparisons},
          {"phases", phases},
          {"failures", failures}};
}

}  // namespace webpool::bench

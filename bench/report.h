// What a comparison found, and how it is shown: a Markdown table for a person, JSON for programs.
#pragma once

#include <boost/json/object.hpp>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine.h"
#include "slices.h"

namespace webpool::bench {

struct Side {
  std::string what;
  std::vector<double> values;  ///< one a slice
  std::string unit;
};

struct Aim {
  enum class Kind { AtLeast, AtMost };
  Kind kind = Kind::AtLeast;
  double value = 0;

  bool isMetBy(double ratio) const;
  std::string text() const;
};

/// One line of the table.
struct Comparison {
  std::string figure;
  Side numerator;
  Side denominator;
  Spread ratio;
  std::optional<Aim> aim;  ///< none: told because it explains another line
};

/// Where the time of a comparison goes.
struct Phases {
  std::string of;
  std::vector<std::pair<std::string, double>> parts;  ///< name, median; milliseconds where no unit
};

class Report {
 public:
  explicit Report(Machine machine) : machine_(std::move(machine)) {}

  /// Shows a line at once on `progress`, so that a person sees how it goes.
  void add(Comparison comparison, std::ostream& progress);
  void addPhases(Phases phases) { phases_.push_back(std::move(phases)); }
  void addFailure(const std::string& figure, const std::string& why);

  bool hasFailures() const { return !failures_.empty(); }
  void writeMarkdown(std::ostream& out) const;
  boost::json::object json() const;

 private:
  Machine machine_;
  std::vector<Comparison> comparisons_;
  std::vector<Phases> phases_;
  std::vector<std::pair<std::string, std::string>> failures_;
};

}  // namespace webpool::bench

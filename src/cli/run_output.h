// Where the results of `webpool run` go, whatever the task: a file, a person, a program.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "webpool/label.h"
#include "webpool/model.h"

namespace webpool::cli {

/// Before a browser is started for it: whether outputs could be written there at all.
Result<void> checkOutputs(const std::string& path);

/// As NPZ or as JSON (of that model), by the file's name.
Result<void> writeOutputs(const std::string& path, const std::string& model,
                          const std::vector<Tensor>& outputs);

/// A line each: label and score.
void printLabels(std::span<const LabelScore> labels);

/// What the answer says of texts that are longer than the model reads: a notice, and "truncated" by
/// text. Nothing where none was.
void printTruncated(const std::vector<bool>& truncated);
void addTruncated(boost::json::object& object, const std::vector<bool>& truncated);

/// What ran, for the person or the program that asked.
struct Ran {
  const Model& model;
  const RanOn& ranOn;
  std::optional<RunTimings> timings;  ///< none: the answer needed no run
  std::vector<Model> graphs{};        ///< of a model that runs several, all of them
};

/// The model, where it ran and how long that took.
void printRan(const Ran& ran);
boost::json::object summary(const Ran& ran);

}  // namespace webpool::cli

// What a classifier says of something: a name, and how sure it is.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "webpool/result.h"

namespace webpool {

struct LabelScore {
  std::string label;  ///< as the model's config.json names it ("id2label"), else "LABEL_3"
  double score = 0;   ///< 0 to 1; of one thing they sum up to 1, unless it may have several labels

  bool operator==(const LabelScore&) const = default;
};

struct ClassifyOptions {
  std::size_t topK = 5;  ///< the best so many, best first; 0: all
};

/// For each thing that was asked about, in order. Of texts, `truncated` tells which were longer
/// than the model reads, so that their ends were left out; empty where none was.
struct Classification {
  std::vector<std::vector<LabelScore>> items;
  RunTimings timings;
  RanOn ranOn;
  std::vector<bool> truncated{};
};

}  // namespace webpool

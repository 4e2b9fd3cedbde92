// Which dtype of a model is loaded, where the caller left that open: the fastest of those that were
// measured, and until then the usual one. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/options.h"

namespace webpool::pool {

/// A dtype whose weights are here.
struct DtypeChance {
  std::string dtype;
  std::optional<double> ms;  ///< of a run of one size for all; none: not measured, or too little
};

/// What is loaded where nothing was measured and nobody chose a default. On WASM 8 bits take three
/// quarters of the time of fp32, and 4 bits nearly twice as long (docs/benchmarks.md); 16 bits are
/// only there to be converted. `backend`: none where it is not known yet. Of what is `there`.
std::string likelyDtype(const std::vector<std::string>& there, std::optional<Backend> backend);

/// All of `there`, best first: `usual` unless it was measured and another one is clearly faster.
/// What was not measured comes last, by name: it is loaded only where the others can't be.
std::vector<std::string> orderDtypes(std::vector<DtypeChance> there, std::string_view usual);

}  // namespace webpool::pool

// Several calls of a model as one, and its answer as several: tensors joined and split along their
// first axis. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::pool {

/// One after the other, by name, in the order of the first call's tensors. Internal where they do
/// not fit together: other names, types or sizes of the other axes.
Result<std::vector<Tensor>> joinInputs(std::span<const std::vector<Tensor>> calls);

/// The share of each call, of which `items` says how many rows it gave. Outputs have a row for each
/// item; or, where one is an INT64 `text` of one axis, that tells for each row to which item it
/// belongs, in order, and counts from 0 in each share. Internal where the answer is neither: then
/// nothing is known of whose rows are whose.
Result<std::vector<std::vector<Tensor>>> splitOutputs(std::span<const Tensor> outputs,
                                                      std::span<const std::uint64_t> items);

/// Of what the task says beside the outputs: lists of an entry for each item are shared out, the
/// rest goes to every call.
std::vector<boost::json::object> splitDetails(const boost::json::object& details,
                                              std::span<const std::uint64_t> items);

}  // namespace webpool::pool

// What the pool tells its observer (webpool/record.h) of models.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "webpool/model.h"
#include "webpool/record.h"
#include "webpool/tensor.h"

namespace webpool::pool {

RecordedModel recordedModel(const ModelDescription& description);

/// Texts, or rows of a first input that takes any number of them; else 1.
std::uint64_t itemsOf(const std::vector<TensorSpec>& specs, std::span<const Tensor> inputs);

double millisecondsSince(std::chrono::steady_clock::time_point began);

/// When `began` was, by the clock on the wall.
WallTime wallTime(std::chrono::steady_clock::time_point began);

/// A load that came to nothing before there was a worker for it.
RecordedLoad failedLoad(std::uint64_t number, RecordedModel model,
                        std::chrono::steady_clock::time_point began, const Error& error);

}  // namespace webpool::pool

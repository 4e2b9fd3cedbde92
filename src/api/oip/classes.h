// Triton's classification extension: of an output's numbers the greatest, as texts. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "webpool/tensor.h"

namespace webpool::api::oip {

/// "value:index" of the `count` greatest of each row, the greatest first, of equal ones the one
/// with the lower index; all where the row has fewer. "value:index:label" where there is a label
/// for each number of a row. The first dimension of an output with several is the batch, and the
/// others together are the row: BYTES of shape [batch, count], or [count].
/// NaN is less than any number. InvalidInput for what has no order (BOOL, BYTES) and for no tensor.
Result<Tensor> topClasses(const Tensor& output, std::uint64_t count,
                          std::span<const std::string> labels = {});

}  // namespace webpool::api::oip

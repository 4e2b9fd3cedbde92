// Samples as programs have them, as the one channel of floats that speech models take.
#pragma once

#include "webpool/speech.h"
#include "webpool/tensor.h"

namespace webpool::bridge {

/// FP16, BF16, FP32 and FP64 as they are, INT16 and INT32 as shares of their range, UINT8 as WAV
/// files have it (128 is silence). Two dimensions are samples and channels in either order, the
/// channels at most eight and the fewer of the two; they are mixed. InvalidInput for another type
/// or shape.
Result<Sound> soundFrom(const Tensor& samples, unsigned rate);

}  // namespace webpool::bridge

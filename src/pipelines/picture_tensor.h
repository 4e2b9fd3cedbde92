// Pictures as one tensor for a vision model.
#pragma once

#include <span>
#include <string_view>

#include "webpool/model.h"
#include "webpool/vision.h"

namespace webpool::pipelines {

/// [pictures, 3, height, width] for the model's first input, as its preprocessor_config.json (its
/// text is given) says.
Result<Tensor> pictureTensor(const Model& model, std::string_view preprocessor,
                             std::span<const Picture> pictures);

}  // namespace webpool::pipelines

// What the functions over a text model's head share.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tasks/model_config.h"
#include "webpool/model.h"

namespace webpool::pipelines {

/// InvalidArgument where the model was loaded for another task.
Result<void> checkTask(const Model& model, std::string_view task);

/// Of the model's config.json; an empty one where there is none.
Result<tasks::ModelConfig> configOf(const Model& model);

/// One run; the texts are checked.
Result<Inference> runTexts(const Model& model, std::span<const std::string> texts,
                           const RunOptions& options);

/// The output of that name and type; `rank` dimensions. WrongResult where the answer has none.
Result<const Tensor*> outputOf(const Inference& answer, std::string_view name, DataType type,
                               std::size_t rank);

}  // namespace webpool::pipelines

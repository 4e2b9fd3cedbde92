// What models say, as JSON: one form for the command line and for other languages.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <span>

#include "webpool/multimodal.h"
#include "webpool/text.h"

namespace webpool::pipelines {

/// [{"label", "score"}]
boost::json::array toJson(std::span<const LabelScore> labels);

/// [{"entity_group", "score", "word", "start", "end"}]
boost::json::array toJson(std::span<const Entity> entities);

/// [{"token", "label", "score", "start", "end"}]
boost::json::array toJson(std::span<const TokenLabel> tokens);

/// A list for each mask: [{"token_str", "token", "score", "sequence"}]
boost::json::array toJson(std::span<const std::vector<FilledWord>> masks);

/// {"tokens", "offsets", "states"}
boost::json::object toJson(const TokenStates& states);

/// {"image_embeds", "text_embeds", "similarity"}
boost::json::object toJson(const PictureTextAnswer& answer);

}  // namespace webpool::pipelines

#include "pipelines/answers_json.h"

#include <boost/json.hpp>

namespace webpool::pipelines {

namespace json = boost::json;

json::array toJson(std::span<const LabelScore> labels) {
  json::array list;
  for (const auto& [label, score] : labels) list.push_back({{"label", label}, {"score", score}});
  return list;
}

json::array toJson(std::span<const Entity> entities) {
  json::array list;
  for (const auto& entity : entities) {
    list.push_back({{"entity_group", entity.label},
                    {"score", entity.score},
                    {"word", entity.word},
                    {"start", entity.start},
                    {"end", entity.end}});
  }
  return list;
}

json::array toJson(std::span<const TokenLabel> tokens) {
  json::array list;
  for (const auto& token : tokens) {
    list.push_back({{"token", token.token},
                    {"label", token.label},
                    {"score", token.score},
                    {"start", token.start},
                    {"end", token.end}});
  }
  return list;
}

json::array toJson(std::span<const std::vector<FilledWord>> masks) {
  json::array all;
  for (const auto& words : masks) {
    json::array list;
    for (const auto& word : words) {
      list.push_back({{"token_str", word.word},
                      {"token", word.token},
                      {"score", word.score},
                      {"sequence", word.text}});
    }
    all.emplace_back(std::move(list));
  }
  return all;
}

json::object toJson(const TokenStates& states) {
  const auto width = static_cast<std::size_t>(states.states.shape.back());
  const auto values = states.states.as<float>();
  json::array rows;
  json::array offsets;
  for (std::size_t i = 0; i < states.tokens.size(); ++i) {
    const auto row = values.subspan(i * width, width);
    rows.emplace_back(json::array(row.begin(), row.end()));
    offsets.push_back(json::array{states.offsets[i].first, states.offsets[i].second});
  }
  return {{"tokens", json::value_from(states.tokens)},
          {"offsets", std::move(offsets)},
          {"states", std::move(rows)}};
}

json::object toJson(const PictureTextAnswer& answer) {
  return {{"image_embeds", json::value_from(answer.pictures)},
          {"text_embeds", json::value_from(answer.texts)},
          {"similarity", json::value_from(answer.similarity)}};
}

}  // namespace webpool::pipelines

#include "tasks/token_entities.h"

#include <algorithm>

namespace webpool::tasks {
namespace {

/// Where each character (code point) of UTF-8 begins, and the end.
std::vector<std::size_t> characterStarts(std::string_view text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

struct Tag {
  std::string_view label;
  bool begins = false;
};

Tag tagOf(std::string_view label) {
  if (label.starts_with("B-")) return {label.substr(2), true};
  if (label.starts_with("I-")) return {label.substr(2), false};
  return {label, false};
}

}  // namespace

Result<std::vector<TokenLabel>> tokenLabels(std::span<const float> logits, std::size_t width,
                                            std::span<const std::string> tokens,
                                            std::span<const std::int64_t> offsets,
                                            const ModelConfig& config) {
  std::vector<TokenLabel> labels;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto scores = softmax(logits.subspan(i * width, width));
    if (scores.empty()) return noNumbers();
    const auto id = bestIds(scores, 1).front();
    labels.push_back({tokens[i], config.label(id), scores[id], offsets[2 * i], offsets[2 * i + 1]});
  }
  return labels;
}

std::vector<Entity> groupEntities(std::span<const TokenLabel> tokens, std::string_view text) {
  const auto starts = characterStarts(text);
  const auto characters = static_cast<std::int64_t>(starts.size()) - 1;
  std::vector<Entity> entities;
  std::string_view running;
  std::size_t count = 0;
  for (const auto& token : tokens) {
    if (token.start < 0 || token.end > characters || token.end < token.start) continue;
    const auto [label, begins] = tagOf(token.label);
    if (label == "O") {
      running = {};
      continue;
    }
    const auto start = static_cast<std::size_t>(token.start);
    const auto end = static_cast<std::size_t>(token.end);
    if (begins || label != running) {
      entities.push_back({std::string(label), token.score, {}, start, end});
      count = 1;
    } else {
      auto& entity = entities.back();
      entity.end = std::max(entity.end, end);
      ++count;
      entity.score += (token.score - entity.score) / double(count);
    }
    running = label;
  }
  for (auto& entity : entities) {
    entity.word = text.substr(starts[entity.start], starts[entity.end] - starts[entity.start]);
  }
  return entities;
}

}  // namespace webpool::tasks

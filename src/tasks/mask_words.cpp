#include "tasks/mask_words.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "tasks/token_text.h"

namespace webpool::tasks {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMostTokens = 10'000'000;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // ▁

std::unexpected<Error> noVocabulary(std::string_view what) {
  return fail(ErrorCategory::InvalidModel, fmt::format("tokenizer.json has no {}", what),
              "fill-mask needs the tokenizer of a masked language model");
}

/// "mask_token" is a text, or an object with its text.
std::string maskOf(const json::value& config) {
  if (!config.is_object()) return {};
  const auto* mask = config.get_object().if_contains("mask_token");
  if (mask == nullptr) return {};
  if (mask->is_object()) mask = mask->get_object().if_contains("content");
  return mask != nullptr && mask->is_string() ? std::string(mask->get_string()) : std::string();
}

/// Tokens by id, from an object {token: id} or a list [[token, score], …].
Result<std::vector<std::string>> tokensOf(const json::value& vocabulary) {
  std::vector<std::string> tokens;
  if (vocabulary.is_object()) {
    for (const auto& [token, id] : vocabulary.get_object()) {
      const auto* number = id.if_int64();
      if (number == nullptr || *number < 0 || *number >= kMostTokens) {
        return noVocabulary("vocabulary of tokens with ids");
      }
      const auto at = static_cast<std::size_t>(*number);
      if (tokens.size() <= at) tokens.resize(at + 1);
      tokens[at] = token;
    }
  } else if (vocabulary.is_array()) {
    for (const auto& entry : vocabulary.get_array()) {
      if (!entry.is_array() || entry.get_array().empty() ||
          !entry.get_array().front().is_string()) {
        return noVocabulary("vocabulary of pieces");
      }
      tokens.emplace_back(entry.get_array().front().get_string());
    }
  }
  if (tokens.empty()) return noVocabulary("vocabulary");
  return tokens;
}

}  // namespace

Result<MaskWords> MaskWords::read(std::string_view tokenizer, std::string_view config) {
  boost::system::error_code error;
  const auto document = json::parse(tokenizer, error);
  const auto* model =
      !error && document.is_object() ? document.get_object().if_contains("model") : nullptr;
  const auto* vocabulary =
      model != nullptr && model->is_object() ? model->get_object().if_contains("vocab") : nullptr;
  if (vocabulary == nullptr) return noVocabulary("vocabulary");
  const auto tokens = tokensOf(*vocabulary);
  if (!tokens) return std::unexpected(tokens.error());
  MaskWords words;
  words.mask_ = maskOf(json::parse(config, error));
  if (words.mask_.empty()) {
    return fail(ErrorCategory::InvalidModel, "tokenizer_config.json names no mask_token",
                "fill-mask needs the tokenizer of a masked language model");
  }
  if (const auto* prefix = model->get_object().if_contains("continuing_subword_prefix");
      prefix != nullptr && prefix->is_string()) {
    words.continuing_ = prefix->get_string();
  }
  const auto says = [&](std::string_view part) {
    const auto* value = document.get_object().if_contains(part);
    return value != nullptr && json::serialize(*value).find("\"ByteLevel\"") != std::string::npos;
  };
  words.byteLevel_ = says("decoder") || says("pre_tokenizer");
  words.spaceMarked_ = words.byteLevel_ || vocabulary->is_array();
  if (words.byteLevel_ && vocabulary->is_object()) {
    const auto text = TokenText::read(json::serialize(*vocabulary));
    if (!text) return std::unexpected(text.error());
    for (std::size_t id = 0; id < tokens->size(); ++id) {
      const std::int64_t one[] = {static_cast<std::int64_t>(id)};
      auto word = text->text(one);
      const bool begins = word.starts_with(' ');
      words.pieces_.push_back({begins ? word.substr(1) : std::move(word), !begins});
    }
    return words;
  }
  for (const auto& token : *tokens) words.pieces_.push_back(words.pieceOf(token));
  return words;
}

MaskWords::Piece MaskWords::pieceOf(std::string_view token) const {
  if (!continuing_.empty() && token.starts_with(continuing_) && token.size() > continuing_.size()) {
    return {std::string(token.substr(continuing_.size())), true};
  }
  if (!spaceMarked_) return {std::string(token), false};
  if (token.starts_with(kSpaceMark)) return {std::string(token.substr(kSpaceMark.size())), false};
  return {std::string(token), true};
}

std::string MaskWords::word(std::size_t id) const {
  return id < pieces_.size() ? pieces_[id].word : std::string();
}

std::size_t MaskWords::masksIn(std::string_view text) const {
  std::size_t count = 0;
  for (auto at = text.find(mask_); at != std::string_view::npos;
       at = text.find(mask_, at + mask_.size())) {
    ++count;
  }
  return count;
}

std::string MaskWords::filled(std::string_view text, std::size_t which, std::size_t id) const {
  auto at = text.find(mask_);
  while (at != std::string_view::npos && which > 0) {
    at = text.find(mask_, at + mask_.size());
    --which;
  }
  if (at == std::string_view::npos || id >= pieces_.size()) return std::string(text);
  auto before = text.substr(0, at);
  if (pieces_[id].continues) {
    while (before.ends_with(' ')) before.remove_suffix(1);
  }
  return fmt::format("{}{}{}", before, pieces_[id].word, text.substr(at + mask_.size()));
}

}  // namespace webpool::tasks

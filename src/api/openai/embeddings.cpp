#include "api/openai/embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <numeric>
#include <span>

#include "api/openai/fields.h"

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostTexts = 2048;  // as OpenAI's

Result<std::vector<std::string>> textsOf(const json::value& input) {
  std::vector<std::string> texts;
  if (const auto* one = input.if_string()) {
    texts.emplace_back(*one);
  } else if (const auto* list = input.if_array()) {
    if (list->size() > kMostTexts)
      return wrong(fmt::format("input: more than {} texts", kMostTexts));
    for (const auto& value : *list) {
      if (value.is_number() || value.is_array()) {
        return fail(ErrorCategory::Unsupported, "input: token ids can't be taken",
                    "send the texts: the model's own tokenizer reads them");
      }
      if (!value.is_string()) return wrong("input: not a text or a list of texts");
      texts.emplace_back(value.get_string());
    }
  } else {
    return wrong("input: not a text or a list of texts");
  }
  if (texts.empty()) return wrong("input: no texts");
  for (const auto& text : texts) {
    if (text.empty()) return wrong("input: an empty text");
  }
  return texts;
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group =
          group << 8 | (i + k < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
    }
  }
  return text;
}

}  // namespace

Result<EmbeddingRequest> parseEmbeddings(std::string_view body) {
  boost::system::error_code error;
  const auto parsed = json::parse(body, error);
  const auto* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return wrong("the request is no JSON object");
  EmbeddingRequest request;
  const auto* model = object->if_contains("model");
  if (model == nullptr || !model->is_string()) return wrong("model: missing, or not a text");
  request.model = model->get_string();
  const auto* input = object->if_contains("input");
  if (input == nullptr) return wrong("input: missing");
  auto texts = textsOf(*input);
  if (!texts) return std::unexpected(texts.error());
  request.texts = std::move(*texts);
  if (const auto* format = object->if_contains("encoding_format"); format && !format->is_null()) {
    if (*format != "float" && *format != "base64") {
      return wrong("encoding_format: neither \"float\" nor \"base64\"");
    }
    request.base64 = *format == "base64";
  }
  const auto dimensions = wholeNumberOf(*object, "dimensions", 1, 1e6);
  if (!dimensions) return std::unexpected(dimensions.error());
  if (*dimensions) request.dimensions = static_cast<std::uint64_t>(**dimensions);
  auto user = userOf(*object);
  if (!user) return std::unexpected(user.error());
  request.user = std::move(*user);
  constexpr auto kKnown =
      std::to_array<std::string_view>({"model", "input", "encoding_format", "dimensions", "user"});
  if (auto fits = refuseUnknown(*object, kKnown); !fits) return std::unexpected(fits.error());
  return request;
}

Result<void> checkDimensions(const EmbeddingRequest& request, const Embeddings& answer) {
  const auto own = answer.vectors.empty() ? 0 : answer.vectors.front().size();
  if (request.dimensions.value_or(own) == own) return {};
  return fail(ErrorCategory::Unsupported,
              fmt::format("dimensions: the vectors of {} have {}", request.model, own),
              "leave it out, or shorten them where a loss does not matter");
}

Result<void> checkLengths(const Embeddings& answer) {
  const auto cut = std::ranges::find(answer.truncated, true);
  if (cut == answer.truncated.end()) return {};
  return fail(ErrorCategory::InvalidInput,
              fmt::format("input: text {} is longer than the model reads",
                          cut - answer.truncated.begin() + 1),
              "shorten it, or split it");
}

std::string embeddingsBody(const EmbeddingRequest& request, const Embeddings& answer) {
  json::array data;
  for (const auto& vector : answer.vectors) {
    json::value shown;
    if (request.base64) {
      shown = json::string(base64(std::as_bytes(std::span(vector))));
    } else {
      shown = json::value_from(vector);
    }
    const auto index = data.size();
    data.push_back(
        json::object{{"object", "embedding"}, {"index", index}, {"embedding", std::move(shown)}});
  }
  const auto tokens = std::accumulate(answer.tokens.begin(), answer.tokens.end(), std::uint64_t{0});
  return json::serialize(
      json::object{{"object", "list"},
                   {"data", std::move(data)},
                   {"model", request.model},
                   {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace webpool::api::openai

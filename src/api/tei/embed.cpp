#include "api/tei/embed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "webpool/version.h"

namespace webpool::api::tei {
namespace {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCategory::InvalidInput, std::move(message));
}

const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<bool> flagOf(const json::object& object, std::string_view name, bool standard) {
  const auto* value = given(object, name);
  if (value == nullptr) return standard;
  if (!value->is_bool()) return wrong(fmt::format("{}: neither true nor false", name));
  return value->get_bool();
}

Result<std::vector<std::string>> textsOf(const json::object& object) {
  const auto* inputs = given(object, "inputs");
  if (inputs == nullptr) return wrong("inputs: missing");
  std::vector<std::string> texts;
  if (const auto* one = inputs->if_string()) {
    texts.emplace_back(*one);
    return texts;
  }
  const auto* list = inputs->if_array();
  if (list == nullptr || list->empty()) return wrong("inputs: not a text or a list of texts");
  if (list->size() > kMostTexts) return wrong(fmt::format("inputs: more than {}", kMostTexts));
  for (const auto& value : *list) {
    if (value.is_array() || value.is_number()) {
      return fail(ErrorCategory::Unsupported, "inputs: token ids and pairs can't be taken",
                  "send texts: the model's own tokenizer reads them");
    }
    if (!value.is_string()) return wrong("inputs: not a text or a list of texts");
    texts.emplace_back(value.get_string());
  }
  return texts;
}

constexpr auto kKnown = std::to_array<std::string_view>(
    {"inputs", "normalize", "truncate", "truncation_direction", "dimensions", "prompt_name"});

Result<void> refuseOthers(const json::object& object) {
  for (const auto& [key, value] : object) {
    const std::string_view name = key;
    if (value.is_null() || std::ranges::find(kKnown, name) != kKnown.end()) continue;
    return fail(ErrorCategory::InvalidInput, fmt::format("{}: there is no such field", name),
                "leave it out; /openapi.json lists what can be asked");
  }
  for (const auto* name : {"dimensions", "prompt_name"}) {
    if (given(object, name) == nullptr) continue;
    return fail(ErrorCategory::Unsupported, fmt::format("{}: can't be taken", name),
                "leave it out");
  }
  if (const auto* side = given(object, "truncation_direction")) {
    if (*side == "Left" || *side == "left") {
      return fail(ErrorCategory::Unsupported, "truncation_direction: texts are cut on the right");
    }
    if (*side != "Right" && *side != "right") {
      return wrong("truncation_direction: neither Left nor Right");
    }
  }
  return {};
}

std::string formOf(std::string_view message, std::string_view type) {
  return json::serialize(json::object{{"error", message}, {"error_type", type}});
}

}  // namespace

Result<EmbedRequest> parseEmbed(std::string_view body) {
  boost::system::error_code error;
  const auto parsed = json::parse(body, error);
  const auto* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return wrong("the request is no JSON object");
  EmbedRequest request;
  auto texts = textsOf(*object);
  if (!texts) return std::unexpected(texts.error());
  request.texts = std::move(*texts);
  const auto normalize = flagOf(*object, "normalize", true);
  if (!normalize) return std::unexpected(normalize.error());
  request.normalize = *normalize;
  const auto truncate = flagOf(*object, "truncate", false);
  if (!truncate) return std::unexpected(truncate.error());
  request.truncate = *truncate;
  if (auto fits = refuseOthers(*object); !fits) return std::unexpected(fits.error());
  return request;
}

std::string embedBody(const Embeddings& embeddings) {
  return json::serialize(json::value_from(embeddings.vectors));
}

std::string infoBody(const ModelInfo& info) {
  return json::serialize(json::object{{"model_id", info.name},
                                      {"model_sha", info.cid},
                                      {"model_dtype", info.dtype},
                                      {"model_type", {{"embedding", {{"pooling", "mean"}}}}},
                                      {"max_client_batch_size", kMostTexts},
                                      {"auto_truncate", false},
                                      {"version", kVersion}});
}

int statusOf(ErrorCategory category) noexcept {
  switch (category) {
    case ErrorCategory::InvalidArgument:
    case ErrorCategory::InvalidInput:
    case ErrorCategory::Unsupported:
      return 422;
    case ErrorCategory::Unauthorized:
      return 401;
    case ErrorCategory::NotFound:
      return 404;
    case ErrorCategory::Busy:
      return 429;
    case ErrorCategory::BrowserNotFound:
    case ErrorCategory::BrowserFailed:
    case ErrorCategory::Cancelled:
      return 503;
    default:
      return 424;
  }
}

std::string errorBody(const Error& error) {
  const int status = statusOf(error.category);
  return formOf(error.describe(), status == 429   ? "Overloaded"
                                  : status == 503 ? "Unhealthy"
                                  : status == 424 ? "Backend"
                                                  : "Validation");
}

std::string refusalBody(int status, std::string_view reason) {
  return formOf(reason, status == 503 ? "Overloaded" : status >= 500 ? "Backend" : "Validation");
}

}  // namespace webpool::api::tei

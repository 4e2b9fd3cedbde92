#include "api/oip/repository.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <utility>

namespace webpool::api::oip {
namespace {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string message, std::string hint = {}) {
  return fail(ErrorCategory::InvalidInput, std::move(message), std::move(hint));
}

/// Of no other field than that one.
Result<json::object> objectOf(std::string_view body, std::string_view known) {
  if (body.empty()) return json::object();
  boost::system::error_code error;
  auto parsed = json::parse(body, error);
  if (error) return wrong("the request is no JSON: " + error.message());
  if (!parsed.is_object()) return wrong("the request is no JSON object");
  for (const auto& [key, value] : parsed.get_object()) {
    const std::string_view name = key;
    if (value.is_null() || name == known) continue;
    return wrong(fmt::format("{}: there is no such field", name),
                 fmt::format("leave it out; what can be said here is {}", known));
  }
  return std::move(parsed.get_object());
}

Result<json::object> parametersOf(std::string_view body) {
  auto object = objectOf(body, "parameters");
  if (!object) return object;
  auto* const given = object->if_contains("parameters");
  if (given == nullptr || given->is_null()) return json::object();
  if (!given->is_object()) return wrong("parameters: no object");
  return std::move(given->get_object());
}

std::unexpected<Error> noSuchParameter(std::string_view name) {
  return wrong(fmt::format("parameters.{}: there is no such parameter", name), "leave it out");
}

}  // namespace

Result<bool> parseIndex(std::string_view body) {
  const auto object = objectOf(body, "ready");
  if (!object) return std::unexpected(object.error());
  const auto* const ready = object->if_contains("ready");
  if (ready == nullptr || ready->is_null()) return false;
  if (!ready->is_bool()) return wrong("ready: neither true nor false");
  return ready->get_bool();
}

Result<void> parseLoad(std::string_view body) {
  const auto parameters = parametersOf(body);
  if (!parameters) return std::unexpected(parameters.error());
  for (const auto& [key, value] : *parameters) {
    const std::string_view name = key;
    if (value.is_null()) continue;
    if (name != "config" && !name.starts_with("file:")) return noSuchParameter(name);
    return wrong(
        fmt::format("parameters.{}: models come from the server's store, as they are there", name),
        "leave it out; `webpool models add` puts another model there");
  }
  return {};
}

Result<void> parseUnload(std::string_view body) {
  const auto parameters = parametersOf(body);
  if (!parameters) return std::unexpected(parameters.error());
  for (const auto& [key, value] : *parameters) {
    const std::string_view name = key;
    if (value.is_null()) continue;
    if (name != "unload_dependents") return noSuchParameter(name);
    if (!value.is_bool()) return wrong("parameters.unload_dependents: neither true nor false");
  }
  return {};
}

}  // namespace webpool::api::oip

#include "api/protocols.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "api/oip/routes.h"
#include "api/openai/errors.h"
#include "api/openai/routes.h"
#include "api/tei/embed.h"
#include "api/tei/routes.h"
#include "embedded/openapi.h"

namespace webpool::api {
namespace {

constexpr auto kTeiPaths = std::to_array<std::string_view>({"/embed", "/info", "/health"});

ErrorCategory categoryOf(int status) {
  return status == 404   ? ErrorCategory::NotFound
         : status == 408 ? ErrorCategory::Timeout
         : status == 413 ? ErrorCategory::InvalidInput
         : status == 503 ? ErrorCategory::Busy
         : status < 500  ? ErrorCategory::InvalidArgument
                         : ErrorCategory::Internal;
}

}  // namespace

net::Response refusal(int status, std::string_view path, std::string_view reason) {
  const Error error{categoryOf(status), std::string(reason), ""};
  if (std::ranges::find(kTeiPaths, path) != kTeiPaths.end()) {
    return jsonResponse(status, tei::refusalBody(status, reason));
  }
  if (path.starts_with("/v1/")) return jsonResponse(status, openai::errorBody(error));
  return plainError(error, status);
}

void addProtocols(Front& front, ServedModels& models) {
  oip::addRoutes(front, models);
  openai::addRoutes(front, models);
  tei::addRoutes(front, models);
  addMetrics(front);
  front.route(
      "GET", "/openapi.json", "openapi",
      [](const auto& exchange) {
        net::Response response;
        response.headers.set("Content-Type", "application/json");
        response.body = openapi::files().front().bytes;
        exchange->respond(std::move(response));
      },
      plainError, true);
}

}  // namespace webpool::api

#include "api/openai/errors.h"

#include <boost/json.hpp>

namespace webpool::api::openai {

int statusOf(ErrorCategory category) noexcept {
  switch (category) {
    case ErrorCategory::InvalidArgument:
    case ErrorCategory::InvalidInput:
    case ErrorCategory::Unsupported:
      return 400;
    case ErrorCategory::Unauthorized:
      return 401;
    case ErrorCategory::NotFound:
      return 404;
    case ErrorCategory::Timeout:
      return 408;
    case ErrorCategory::Busy:
      return 429;
    case ErrorCategory::BrowserNotFound:
    case ErrorCategory::BrowserFailed:
    case ErrorCategory::WorkerLost:
    case ErrorCategory::DeviceLost:
    case ErrorCategory::OutOfMemory:
    case ErrorCategory::Fetch:
    case ErrorCategory::Cancelled:
      return 503;
    case ErrorCategory::InvalidModel:
    case ErrorCategory::WrongResult:
    case ErrorCategory::Integrity:
    case ErrorCategory::Storage:
    case ErrorCategory::NoSpace:
    case ErrorCategory::PortInUse:
    case ErrorCategory::Protocol:
    case ErrorCategory::Internal:
      return 500;
  }
  return 500;
}

std::string errorBody(const Error& error, std::string_view param) {
  const int status = statusOf(error.category);
  const auto* type = status == 401   ? "authentication_error"
                     : status == 429 ? "rate_limit_error"
                     : status < 500  ? "invalid_request_error"
                                     : "server_error";
  boost::json::value named;
  if (!param.empty()) named = boost::json::string(param);
  boost::json::object inner{{"message", error.describe()},
                            {"type", type},
                            {"param", std::move(named)},
                            {"code", categoryName(error.category)}};
  return boost::json::serialize(boost::json::object{{"error", std::move(inner)}});
}

}  // namespace webpool::api::openai

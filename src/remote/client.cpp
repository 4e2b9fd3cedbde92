#include "remote/client.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <utility>

#include "net/http_url.h"
#include "remote/codec.h"
#include "remote/message.h"

namespace webpool::remote {
namespace {

namespace json = boost::json;

constexpr std::string_view kPath = "/webpool/v1";
constexpr std::chrono::seconds kGreeting{10};
constexpr std::chrono::seconds kGrace{5};  // the server's own deadline comes first
constexpr int kOk = 200;
constexpr int kUnauthorized = 401;
constexpr int kTooLarge = 413;

/// The server's error of an answer that is none of success; nullopt where a webpool wrote no such.
std::optional<Error> errorOf(const base::HttpResponse& response) {
  boost::system::error_code failed;
  const auto body = json::parse(response.body, failed);
  const auto* const object = failed ? nullptr : body.if_object();
  const auto* const error = object == nullptr ? nullptr : object->if_contains("error");
  if (error == nullptr) return std::nullopt;
  auto read = fromJson<Error>(*error);
  if (!read || read->message.empty()) return std::nullopt;
  return std::move(*read);
}

std::unexpected<Error> unauthorized(const std::string& url, bool hasToken) {
  return fail(
      ErrorCategory::Unauthorized,
      fmt::format("{} does not take {}", url, hasToken ? "this token" : "requests without a token"),
      "give the token that `webpool serve` was started with: WEBPOOL_API_TOKEN, "
      "--api-token-file or token=");
}

std::unexpected<Error> noWebpool(const std::string& url) {
  return fail(
      ErrorCategory::InvalidArgument,
      fmt::format("at {} something else than a `webpool serve` of this version answers", url),
      "give the address that `webpool serve` prints for programs");
}

/// Nobody here gave up, so it was the server's end that cancelled the call.
Error ofCall(Error error, const std::string& url, const std::stop_token& stop) {
  if (error.category != ErrorCategory::Cancelled || stop.stop_requested()) return error;
  return {ErrorCategory::WorkerLost,
          fmt::format("the `webpool serve` at {} ended under the call ({})", url, error.message),
          "start it again; the same call may then succeed"};
}

Result<void> checkGreeting(const std::string& url, std::string_view body) {
  boost::system::error_code failed;
  const auto parsed = json::parse(body, failed);
  const auto* const object = failed ? nullptr : parsed.if_object();
  if (object == nullptr) return noWebpool(url);
  const auto* const name = object->if_contains("name");
  const auto* const protocol = object->if_contains("protocol");
  if (name == nullptr || *name != "webpool" || protocol == nullptr || !protocol->is_int64()) {
    return noWebpool(url);
  }
  if (protocol->get_int64() == kProtocol) return {};
  return fail(ErrorCategory::Unsupported,
              fmt::format("the webpool at {} speaks version {} of their protocol, this one {}", url,
                          protocol->get_int64(), kProtocol),
              "update the older of the two");
}

}  // namespace

Result<ServerAddress> addressOf(std::string_view url, std::string token) {
  const auto parsed = net::parseHttpUrl(url);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->target != "/") {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the address of a `webpool serve` has no path: {}", parsed->origin()),
                "write http://HOST:PORT");
  }
  return ServerAddress{parsed->origin(), std::move(token)};
}

Result<base::HttpResponse> Client::ask(base::HttpRequest request,
                                       const std::stop_token& stop) const {
  request.url = address_.url + request.url;
  if (!address_.token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + address_.token);
  }
  return http_->request(request, stop);
}

Result<void> Client::greet() const {
  base::HttpRequest request;
  request.url = kPath;
  request.timeout = kGreeting;
  const auto response = ask(std::move(request), {});
  if (!response) {
    auto error = response.error();
    if (error.category == ErrorCategory::Fetch) {
      error.hint = "start `webpool serve` there, or leave the address out (url, WEBPOOL_URL)";
    }
    return std::unexpected(std::move(error));
  }
  if (response->status == kUnauthorized) return unauthorized(url(), !address_.token.empty());
  if (response->status == kOk) return checkGreeting(url(), response->body);
  if (auto error = errorOf(*response); error && error->category != ErrorCategory::NotFound) {
    return std::unexpected(std::move(*error));
  }
  return noWebpool(url());
}

Result<wire::Frame> Client::call(const Call& call) const {
  auto body = pack(call.header, call.inputs);
  if (!body) return std::unexpected(body.error());
  Unpacker unpacker;
  std::optional<wire::Frame> last;
  base::HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("{}/{}", kPath, call.action);
  request.headers.emplace_back("Content-Type", "application/octet-stream");
  request.body = std::move(*body);
  request.timeout = call.timeout + kGrace;
  request.maxBodyBytes = wire::Limits{}.maxFrame + (64u << 20);
  request.onBody = [&](const base::HttpResponse&, std::string_view piece) -> Result<void> {
    unpacker.add(piece);
    while (true) {
      auto frame = unpacker.next();
      if (!frame) return std::unexpected(std::move(frame.error()));
      if (!*frame) return {};
      if (!(*frame)->header.contains("part")) {
        last = std::move(**frame);
      } else if (call.onPart) {
        call.onPart(**frame);
      }
    }
  };
  const auto response = ask(std::move(request), call.stop);
  if (!response) {
    auto error = response.error();
    if (error.category == ErrorCategory::Fetch) {
      return fail(ErrorCategory::WorkerLost,
                  fmt::format("the `webpool serve` at {} ended, or can't be reached any more ({})",
                              url(), error.message),
                  "start it again; the same call may then succeed");
    }
    return std::unexpected(std::move(error));
  }
  if (response->status == kUnauthorized) return unauthorized(url(), !address_.token.empty());
  if (response->status == kTooLarge) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("the inputs are more than {} takes in one request", url()),
                "send fewer at a time");
  }
  if (response->status != kOk) {
    if (auto error = errorOf(*response)) {
      return std::unexpected(ofCall(std::move(*error), url(), call.stop));
    }
    return noWebpool(url());
  }
  if (!last || !unpacker.isBetween()) {
    return fail(ErrorCategory::WorkerLost,
                fmt::format("the answer of {} ends in its middle", url()),
                "the same call may succeed later");
  }
  if (const auto* const error = last->header.if_contains("error")) {
    auto told = fromJson<Error>(*error);
    return std::unexpected(
        ofCall(told ? std::move(*told) : std::move(told.error()), url(), call.stop));
  }
  return std::move(*last);
}

}  // namespace webpool::remote

#include "net/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace webpool::net {
namespace {

using Field = std::pair<std::string_view, std::string_view>;

constexpr std::array<Field, 3> kDefaults{{
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
}};

/// Of what a page is made of, scripts and Workers too. With the resource policy above, the first
/// two make a page cross-origin isolated: SharedArrayBuffer and precise timers.
constexpr std::array<Field, 3> kPageDefaults{{
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Referrer-Policy", "no-referrer"},
}};

/// JSON and events are data, which no browser runs or lays out: what keeps a page in its place
/// would be half of such an answer.
bool isData(const Headers& headers) noexcept {
  const auto type = headers.get("Content-Type");
  return type == "application/json" || type == "text/event-stream";
}

constexpr std::array<std::pair<int, std::string_view>, 34> kReasons{{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
}};

std::string_view reasonPhrase(int status) noexcept {
  for (const auto& [code, phrase] : kReasons) {
    if (code == status) return phrase;
  }
  return "Unknown";
}

/// By character: whether a token may hold it.
constexpr auto kInToken = [] {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  std::array<bool, 256> may{};
  for (unsigned c = 0; c < may.size(); ++c) {
    may[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             (c < 128 && kOther.contains(static_cast<char>(c)));
  }
  return may;
}();

bool isToken(std::string_view name) noexcept {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return kInToken[static_cast<unsigned char>(c)]; });
}

bool isFieldValue(std::string_view value) noexcept {
  return std::ranges::all_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool isOfTheServer(std::string_view name) noexcept {
  return equalIgnoringCase(name, "Content-Length") || equalIgnoringCase(name, "Connection") ||
         equalIgnoringCase(name, "Transfer-Encoding");
}

}  // namespace

std::string contentSecurityPolicy(std::string_view ownHost, bool ownFrames) {
  // ONNX Runtime Web imports its loader and starts its thread Workers from files of our origin, so
  // neither blob: nor eval is needed. Not every browser takes 'self' as its ws:// form, so that one
  // is named.
  const auto socket = ownHost.empty() ? std::string() : fmt::format(" ws://{0} wss://{0}", ownHost);
  return fmt::format(
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src "
      "'self'{}; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
      "{}",
      socket, ownFrames ? "frame-src 'self'; frame-ancestors 'self'" : "frame-ancestors 'none'");
}

std::uint64_t bodySize(const Response& response) noexcept {
  if (const auto* text = std::get_if<std::string>(&response.body)) return text->size();
  if (const auto* bytes = std::get_if<StaticBody>(&response.body)) return bytes->size();
  if (const auto* region = std::get_if<FileRegion>(&response.body)) return region->length;
  return std::get<StreamBody>(response.body).length.value_or(0);
}

bool mayHaveBody(int status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

std::string responseHead(Response& response, const HeadContext& context) {
  const bool sound = response.status >= 200 && response.status <= 999 &&
                     std::ranges::all_of(response.headers.all(), [](const auto& field) {
                       return isToken(field.first) && isFieldValue(field.second);
                     });
  if (!sound) response = textResponse(500, "the handler made a response that can't be sent");

  std::string head;
  head.reserve(1024);
  head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head.append(reasonPhrase(response.status)).append("\r\n");
  const auto field = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : response.headers.all()) {
    if (!isOfTheServer(name) && !value.empty()) field(name, value);
  }
  const auto defaults = [&](std::span<const Field> fields) {
    for (const auto& [name, value] : fields) {
      if (!response.headers.has(name)) field(name, value);
    }
  };
  defaults(kDefaults);
  if (!isData(response.headers)) {
    defaults(kPageDefaults);
    if (!response.headers.has("Content-Security-Policy")) {
      field("Content-Security-Policy", contentSecurityPolicy(context.ownHost));
    }
  }
  if (mayHaveBody(response.status)) {
    const auto* stream = std::get_if<StreamBody>(&response.body);
    if (stream == nullptr || stream->length) {
      field("Content-Length", std::to_string(bodySize(response)));
    } else if (context.chunked) {
      field("Transfer-Encoding", "chunked");
    }
  }
  if (!context.keepAlive) field("Connection", "close");
  return head.append("\r\n");
}

}  // namespace webpool::net

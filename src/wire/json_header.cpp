#include "wire/json_header.h"

#include <fmt/format.h>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>

#include "wire/utf8.h"

namespace webpool::wire {

namespace json = boost::json;

Error fault(std::string_view code, std::string_view detail) {
  return {ErrorCategory::Protocol, fmt::format("{}: {}", code, detail),
          "webpool and the page must speak the same version of the protocol"};
}

Result<json::object> parseHeader(std::string_view text, const Limits& limits) {
  if (!isValidUtf8(text)) return std::unexpected(fault("invalid_utf8", "the header is not UTF-8"));
  json::parse_options options;
  options.max_depth = limits.maxDepth;
  json::parser parser({}, options);
  boost::system::error_code error;
  parser.write(text.data(), text.size(), error);
  if (error == json::error::too_deep) {
    return std::unexpected(
        fault("json_too_deep", fmt::format("more than {} levels", limits.maxDepth)));
  }
  if (error) return std::unexpected(fault("invalid_json", error.message()));
  auto value = parser.release();
  if (!value.is_object()) {
    return std::unexpected(fault("not_an_object", "the header is no JSON object"));
  }
  return std::move(value.get_object());
}

Result<std::string> serializeHeader(const json::object& header) {
  auto text = json::serialize(header);
  if (!isValidUtf8(text)) {
    return fail(ErrorCategory::InvalidArgument, "a name or text is not valid UTF-8",
                "give names and texts in UTF-8");
  }
  return text;
}

}  // namespace webpool::wire

// Percent-encoding (RFC 3986, section 2.1). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace webpool::api {

/// nullopt for a '%' without two hex digits behind it.
std::optional<std::string> percentDecoded(std::string_view text);

}  // namespace webpool::api

// The request target in its absolute form, as clients of proxies send it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace webpool::net {

struct AbsoluteTarget {
  std::string host;
  std::string target;  ///< "/path?query"
};

/// Of "http://host/path", or "https://…" where `tls`; nullopt for every other.
std::optional<AbsoluteTarget> absoluteTarget(std::string_view target, bool tls);

}  // namespace webpool::net

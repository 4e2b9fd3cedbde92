#include "net/absolute_target.h"

#include "net/http_types.h"

namespace webpool::net {

std::optional<AbsoluteTarget> absoluteTarget(std::string_view target, bool tls) {
  const std::string_view scheme = tls ? "https://" : "http://";
  if (!equalIgnoringCase(target.substr(0, scheme.size()), scheme)) return std::nullopt;
  target.remove_prefix(scheme.size());
  const auto host = target.substr(0, target.find_first_of("/?#"));
  auto rest = std::string(target.substr(host.size()));
  if (host.empty() || host.find('@') != std::string_view::npos) return std::nullopt;
  if (!rest.starts_with('/')) rest.insert(0, "/");
  return AbsoluteTarget{std::string(host), std::move(rest)};
}

}  // namespace webpool::net

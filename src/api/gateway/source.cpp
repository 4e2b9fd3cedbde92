#include "api/gateway/source.h"

namespace webpool::api::gateway {

std::uint64_t contentSize(const Content& content) noexcept {
  if (const auto* bytes = std::get_if<Bytes>(&content)) return bytes->size();
  return std::get<net::FileRegion>(content).length;
}

Result<std::optional<Content>> Source::wholeFile(const cid::Cid&) {
  return std::nullopt;
}

}  // namespace webpool::api::gateway

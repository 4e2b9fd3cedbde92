#include "sources/ipfs.h"

#include <fmt/format.h>

#include <utility>

namespace webpool::sources {

Result<cid::Cid> parseIpfsAddress(std::string_view text) {
  for (const std::string_view prefix : {"ipfs://", "ipfs:", "/ipfs/"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  auto parsed = cid::Cid::parse(text);
  if (parsed) return parsed;
  auto error = parsed.error();
  error.message = fmt::format("'{}' is no CID: {}", text, error.message);
  if (error.hint.empty()) error.hint = "give ipfs:// and the CID of a model's file or folder";
  return std::unexpected(std::move(error));
}

}  // namespace webpool::sources

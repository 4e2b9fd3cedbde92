#include "api/gateway/file_head.h"

#include <unistd.h>

#include <algorithm>

#include "api/gateway/content_type.h"
#include "cid/dag_walk.h"

namespace webpool::api::gateway {
namespace {

std::string headOf(const net::FileRegion& region) {
  std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(region.length, kSniffed)),
                   '\0');
  const auto got =
      ::pread(region.file->get(), head.data(), head.size(), static_cast<off_t>(region.offset));
  head.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return head;
}

/// What is not here counts as nothing: the body tells it.
Result<std::string> headOf(Source& source, const cid::Cid& file) {
  cid::FileWalk walk(source, file, {.from = 0, .to = kSniffed - 1});
  std::string head;
  while (true) {
    const auto step = walk.next();
    if (!step && step.error().category == ErrorCategory::Protocol) {
      return std::unexpected(step.error());
    }
    if (!step || !*step) return head;
    head += (*step)->data.text();
  }
}

}  // namespace

Result<std::string> contentTypeOfFile(Source& source, const cid::Cid& file,
                                      const std::optional<Content>& whole, std::uint64_t size,
                                      std::string_view name) {
  std::string head;
  if (const auto* region = whole ? std::get_if<net::FileRegion>(&*whole) : nullptr) {
    head = headOf(*region);
  } else if (whole) {
    head = std::get<Bytes>(*whole).text().substr(0, kSniffed);
  } else {
    auto read = headOf(source, file);
    if (!read) return read;
    head = std::move(*read);
  }
  return contentTypeOf(name, head, size);
}

}  // namespace webpool::api::gateway

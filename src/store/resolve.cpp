#include "store/resolve.h"

#include <unistd.h>

#include <cerrno>

namespace webpool::store {

std::uint64_t contentSize(const Content& content) noexcept {
  if (const auto* bytes = std::get_if<Bytes>(&content)) return bytes->size();
  return std::get<StoredRegion>(content).length;
}

Result<Bytes> readContent(const Content& content) {
  if (const auto* bytes = std::get_if<Bytes>(&content)) return *bytes;
  const auto& region = std::get<StoredRegion>(content);
  std::vector<std::byte> buffer(static_cast<std::size_t>(region.length));
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = ::pread(region.file->get(), buffer.data() + filled, buffer.size() - filled,
                             static_cast<off_t>(region.offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return std::unexpected(base::fileError("can't read", "a stored file", errno));
    }
    if (got == 0) {
      return fail(ErrorCategory::Integrity, "a stored file ends before its recorded size",
                  "remove it and import or fetch it again");
    }
    filled += static_cast<std::size_t>(got);
  }
  return Bytes::adopt(std::move(buffer));
}

}  // namespace webpool::store

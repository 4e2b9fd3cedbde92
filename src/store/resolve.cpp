#include "store/resolve.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/tree_reader.h"

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
                  kDamageHint);
    }
    filled += static_cast<std::size_t>(got);
  }
  return Bytes::adopt(std::move(buffer));
}

Result<Bytes> mapContent(const Content& content) {
  if (const auto* bytes = std::get_if<Bytes>(&content)) return *bytes;
  const auto& region = std::get<StoredRegion>(content);
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto before = region.offset % page;
  struct stat status{};
  const bool whole = ::fstat(region.file->get(), &status) == 0 &&
                     static_cast<std::uint64_t>(status.st_size) >= region.offset + region.length;
  // Touching a page behind the end would be a signal and no error: reading tells it better.
  if (!whole || region.length == 0) return readContent(content);
  const auto length = static_cast<std::size_t>(before + region.length);
  void* mapped = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, region.file->get(),
                        static_cast<off_t>(region.offset - before));
  if (mapped == MAP_FAILED) return readContent(content);
  const std::shared_ptr<const void> owner(
      mapped, [length](const void* at) { ::munmap(const_cast<void*>(at), length); });
  return Bytes(owner, {static_cast<const std::byte*>(mapped) + before,
                       static_cast<std::size_t>(region.length)});
}

}  // namespace webpool::store

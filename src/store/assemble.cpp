#include "store/assemble.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/disk_space.h"

namespace webpool::store {
namespace {

/// Larger files would cost too much memory when several are asked for at once.
constexpr std::uint64_t kInMemory = 1u << 20;

Result<base::FileDescriptor> namelessFile(const std::filesystem::path& folder) {
  base::FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  // Not every file system has such files.
  auto name = (folder / "piece-XXXXXX").native();
  base::FileDescriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named.valid()) return std::unexpected(base::fileError("can't create", name, errno));
  ::unlink(name.c_str());
  return named;
}

Result<Content> inMemory(const TreeReader& tree, const cid::Cid& file) {
  std::vector<std::byte> bytes;
  const auto take = [&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return Result<void>();
  };
  if (auto read = tree.read(file, take, {}); !read) return std::unexpected(read.error());
  return Content(Bytes::adopt(std::move(bytes)));
}

}  // namespace

Result<Content> assemble(const TreeReader& tree, const cid::Cid& file,
                         const std::filesystem::path& folder) {
  const auto root = tree.entity(file);
  if (!root) return std::unexpected(root.error());
  const auto* node = std::get_if<cid::FileNode>(&*root);
  if (node != nullptr && node->size <= kInMemory) return inMemory(tree, file);
  if (node != nullptr) {
    auto room = checkRoom(folder, node->size, file.text());
    if (!room) return std::unexpected(room.error());
  }
  auto into = namelessFile(folder);
  if (!into) return std::unexpected(into.error());
  std::uint64_t size = 0;
  const auto take = [&](std::span<const std::byte> piece) {
    size += piece.size();
    return base::writeAll(into->get(), piece, folder);
  };
  if (auto read = tree.read(file, take, {}); !read) return std::unexpected(read.error());
  return Content(
      StoredRegion{std::make_shared<const base::FileDescriptor>(std::move(*into)), 0, size});
}

}  // namespace webpool::store

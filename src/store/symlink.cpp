#include "store/symlink.h"

#include "cid/unixfs.h"

namespace webpool::store {

std::string encodeSymlink(std::string_view target) {
  cid::UnixFsData data;
  data.type = cid::UnixFsType::Symlink;
  data.data = std::string(target);
  return cid::encodeNode({{}, cid::encodeUnixFs(data)});
}

std::optional<std::string> symlinkTarget(std::span<const std::byte> block) {
  const auto node = cid::decodeNode(block);
  if (!node || !node->data) return std::nullopt;
  auto data = cid::decodeUnixFs(std::as_bytes(std::span(*node->data)));
  if (!data || data->type != cid::UnixFsType::Symlink) return std::nullopt;
  return std::move(data->data).value_or(std::string());
}

}  // namespace webpool::store

// Files and folders as dag-pb nodes (UnixFS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cid/dag_pb.h"
#include "webpool/error.h"

namespace webpool::cid {

enum class UnixFsType : std::uint64_t {
  Raw = 0,
  Directory = 1,
  File = 2,
  Metadata = 3,
  Symlink = 4,
  HamtShard = 5,
};

/// The message in a node's data field. Mode and time are read over and never written.
struct UnixFsData {
  UnixFsType type = UnixFsType::File;
  std::optional<std::string> data;
  std::optional<std::uint64_t> fileSize;
  std::vector<std::uint64_t> blockSizes;

  bool operator==(const UnixFsData&) const = default;
};

std::string encodeUnixFs(const UnixFsData& data);
Result<UnixFsData> decodeUnixFs(std::span<const std::byte> bytes);

struct FilePart {
  Cid cid;
  std::uint64_t size = 0;  ///< bytes of the file that lie below
};

/// A file's node: its content is `data`, then the parts in order.
struct FileNode {
  std::uint64_t size = 0;
  std::string data;
  std::vector<FilePart> parts;
};

struct DirectoryNode {
  std::vector<Link> entries;
};

using UnixFsNode = std::variant<FileNode, DirectoryNode>;

/// Reads a dag-pb block as UnixFS. Protocol when sizes and links disagree; Unsupported for sharded
/// directories (HAMT), symbolic links and metadata nodes.
Result<UnixFsNode> readUnixFsNode(std::span<const std::byte> block);

}  // namespace webpool::cid

// Files and folders as dag-pb nodes (UnixFS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  std::optional<std::uint64_t> hashType = {};  ///< of a shard: the multihash code of its hash
  std::optional<std::uint64_t> fanout = {};    ///< of a shard: how many places it has

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

/// One node of a sharded directory (HAMT): its places that are taken, in order. A place holds an
/// entry, or another shard where several names fall on it.
struct ShardNode {
  struct Place {
    std::size_t index = 0;
    std::string name;  ///< of the entry; empty where the place holds a shard
    Cid cid;
    std::optional<std::uint64_t> size;  ///< as Link::size

    bool isShard() const noexcept { return name.empty(); }
  };
  std::size_t fanout = 256;
  std::vector<Place> places;
};

/// How many hexadecimal digits stand before each name in a shard's links.
std::size_t shardPrefixWidth(std::size_t fanout) noexcept;

struct SymlinkNode {
  std::string target;
};

/// The dag-pb block of a symbolic link.
std::string symlinkBlock(std::string_view target);

/// Every kind of node that UnixFS has, but for metadata nodes, which nobody writes.
using UnixFsEntity = std::variant<FileNode, DirectoryNode, ShardNode, SymlinkNode>;

/// Reads a dag-pb block as UnixFS. Protocol when sizes, links or places disagree; Unsupported for a
/// shard with another hash than murmur3 and for metadata nodes.
Result<UnixFsEntity> readUnixFsEntity(std::span<const std::byte> block);
/// The same of a node that is read already.
Result<UnixFsEntity> readUnixFsEntity(const Node& node);
/// Whether the node's data is UnixFS at all: dag-pb may hold other data.
bool isUnixFs(const Node& node);

using UnixFsNode = std::variant<FileNode, DirectoryNode>;

/// The same for a reader of plain files and folders: Unsupported for sharded directories (HAMT),
/// symbolic links and metadata nodes.
Result<UnixFsNode> readUnixFsNode(std::span<const std::byte> block);

}  // namespace webpool::cid

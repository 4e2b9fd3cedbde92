#include "cid/tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "cid/unixfs.h"

namespace webpool::cid {
namespace {

/// What a parent must know of a child.
struct Child {
  Cid cid;
  std::uint64_t length = 0;
  std::uint64_t dagSize = 0;
};

std::span<const std::byte> asBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TreeNode joinChildren(std::span<const Child> children, std::uint64_t offset, Child& parent) {
  Node node;
  UnixFsData data;
  parent = {};
  for (const auto& child : children) {
    node.links.push_back({child.cid, "", child.dagSize});
    data.blockSizes.push_back(child.length);
    parent.length += child.length;
    parent.dagSize += child.dagSize;
  }
  data.fileSize = parent.length;
  node.data = encodeUnixFs(data);
  TreeNode result{{}, encodeNode(node), offset, parent.length};
  result.cid = Cid::of(Codec::DagPb, asBytes(result.block));
  parent.cid = result.cid;
  parent.dagSize += result.block.size();
  return result;
}

}  // namespace

std::uint64_t leafCount(std::uint64_t fileSize) noexcept {
  return fileSize == 0 ? 1 : (fileSize - 1) / kLeafSize + 1;
}

Result<FileTree> buildFileTree(std::span<const Digest> leaves, std::uint64_t fileSize) {
  if (leaves.size() != leafCount(fileSize)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("a file of {} bytes has {} leaves, not {}", fileSize,
                            leafCount(fileSize), leaves.size()));
  }
  std::vector<Child> level;
  level.reserve(leaves.size());
  std::uint64_t rest = fileSize;
  for (const auto& digest : leaves) {
    const auto length = std::min(rest, kLeafSize);
    level.push_back({Cid(Codec::Raw, digest), length, length});
    rest -= length;
  }
  FileTree tree;
  while (level.size() > 1) {
    std::vector<Child> parents;
    std::uint64_t offset = 0;
    for (std::size_t first = 0; first < level.size(); first += kTreeWidth) {
      const auto count = std::min(kTreeWidth, level.size() - first);
      Child parent;
      tree.nodes.push_back(joinChildren(std::span(level).subspan(first, count), offset, parent));
      offset += parent.length;
      parents.push_back(std::move(parent));
    }
    level = std::move(parents);
  }
  tree.root = level.front().cid;
  tree.dagSize = level.front().dagSize;
  return tree;
}

Result<void> sortEntries(std::vector<Link>& entries) {
  std::ranges::sort(entries, {}, &Link::name);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& name = entries[i].name;
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
      return fail(ErrorCategory::InvalidArgument, fmt::format("\"{}\" can't name a file", name));
    }
    if (i > 0 && name == entries[i - 1].name) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("two entries are named \"{}\"", name));
    }
    if (!entries[i].size) {
      return fail(ErrorCategory::InvalidArgument, fmt::format("\"{}\" has no DAG size", name));
    }
  }
  return {};
}

Directory plainDirectory(std::vector<Link> entries) {
  Directory directory;
  for (const auto& entry : entries) directory.dagSize += *entry.size;
  UnixFsData data;
  data.type = UnixFsType::Directory;
  directory.block = encodeNode({std::move(entries), encodeUnixFs(data)});
  directory.cid = Cid::of(Codec::DagPb, asBytes(directory.block));
  directory.dagSize += directory.block.size();
  return directory;
}

}  // namespace webpool::cid

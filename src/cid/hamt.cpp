#include "cid/hamt.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "cid/murmur3.h"

namespace webpool::cid {
namespace {

constexpr std::size_t kFanout = 256;
constexpr std::uint64_t kMurmur3 = 0x22;

std::span<const std::byte> asBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// An entry and the hash that places it.
struct Hashed {
  std::uint64_t hash = 0;
  const Link* link = nullptr;
};

class ShardBuilder {
 public:
  explicit ShardBuilder(FolderTree& tree) : tree_(tree) {}

  /// The shard at `level` of entries that have one way to it, sorted by hash. Returns a link to it,
  /// without a name.
  Result<Link> build(std::span<const Hashed> entries, unsigned level) {
    if (level * 8 >= 64) {
      return fail(ErrorCategory::Unsupported,
                  fmt::format("the names \"{}\" and \"{}\" have one hash: no sharded folder can "
                              "hold both",
                              entries[0].link->name, entries[1].link->name),
                  "rename one of them");
    }
    Node node;
    std::string bits(kFanout / 8, '\0');
    std::uint64_t below = 0;
    for (std::size_t first = 0; first < entries.size();) {
      const auto place = placeAt(entries[first].hash, level);
      auto end = first + 1;
      while (end < entries.size() && placeAt(entries[end].hash, level) == place) ++end;
      auto link = end - first == 1 ? Result<Link>(*entries[first].link)
                                   : build(entries.subspan(first, end - first), level + 1);
      if (!link) return link;
      link->name = fmt::format("{:02X}{}", place, link->name);
      below += *link->size;
      bits[bits.size() - 1 - place / 8] |= static_cast<char>(1u << (place % 8));
      node.links.push_back(std::move(*link));
      first = end;
    }
    return finish(std::move(node), bits, below);
  }

 private:
  static std::size_t placeAt(std::uint64_t hash, unsigned level) {
    return hash >> (56 - 8 * level) & 0xff;
  }

  Link finish(Node node, const std::string& bits, std::uint64_t below) {
    UnixFsData data;
    data.type = UnixFsType::HamtShard;
    data.data = bits.substr(std::min(bits.find_first_not_of('\0'), bits.size()));
    data.hashType = kMurmur3;
    data.fanout = kFanout;
    node.data = encodeUnixFs(data);
    TreeNode made{{}, encodeNode(node), 0, 0};
    made.cid = Cid::of(Codec::DagPb, asBytes(made.block));
    Link link{made.cid, "", below + made.block.size()};
    tree_.nodes.push_back(std::move(made));
    return link;
  }

  FolderTree& tree_;
};

}  // namespace

ShardPath::ShardPath(std::string_view name, std::size_t fanout) noexcept
    : hash_(murmur3(name)), bits_(static_cast<unsigned>(std::bit_width(fanout - 1))) {}

std::optional<std::size_t> ShardPath::next() noexcept {
  if (bits_ == 0 || left_ < bits_) return std::nullopt;
  left_ -= bits_;
  return static_cast<std::size_t>(hash_ >> left_) & ((std::size_t{1} << bits_) - 1);
}

const ShardNode::Place* findPlace(const ShardNode& shard, std::size_t index) noexcept {
  const auto at = std::ranges::lower_bound(shard.places, index, {}, &ShardNode::Place::index);
  return at == shard.places.end() || at->index != index ? nullptr : &*at;
}

Result<FolderTree> buildFolder(std::vector<Link> entries, std::size_t threshold) {
  if (auto sorted = sortEntries(entries); !sorted) return std::unexpected(sorted.error());
  FolderTree tree;
  auto plain = plainDirectory(entries);
  if (plain.block.size() <= threshold) {
    tree.root = plain.cid;
    tree.dagSize = plain.dagSize;
    tree.nodes.push_back({plain.cid, std::move(plain.block), 0, 0});
    return tree;
  }
  std::vector<Hashed> hashed;
  hashed.reserve(entries.size());
  for (const auto& entry : entries) hashed.push_back({murmur3(entry.name), &entry});
  std::ranges::sort(hashed, {}, &Hashed::hash);
  const auto root = ShardBuilder(tree).build(hashed, 0);
  if (!root) return std::unexpected(root.error());
  tree.root = root->cid;
  tree.dagSize = *root->size;
  return tree;
}

}  // namespace webpool::cid

#include "cid/unixfs.h"

#include <bit>
#include <utility>

#include <fmt/format.h>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace webpool::cid {
namespace {

enum Field : protozero::pbf_tag_type {
  kType = 1,
  kData = 2,
  kFileSize = 3,
  kBlockSizes = 4,
  kHashType = 5,
  kFanout = 6,
  kMode = 7,
  kTime = 8,
};

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("malformed UnixFS node: {}", what));
}

constexpr std::uint64_t kMurmur3 = 0x22;  // "murmur3-x64-64" of the multicodec table
constexpr std::uint64_t kMaxFanout = 1024;
constexpr std::string_view kUpperHex = "0123456789ABCDEF";

std::span<const std::byte> asBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Result<UnixFsData> decodeFields(std::span<const std::byte> bytes) {
  UnixFsData result;
  bool hasType = false;
  protozero::pbf_reader reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(kType, protozero::pbf_wire_type::varint): {
        const auto type = reader.get_uint64();
        if (type > std::to_underlying(UnixFsType::HamtShard)) {
          return malformed(fmt::format("unknown type {}", type));
        }
        result.type = static_cast<UnixFsType>(type);
        hasType = true;
        break;
      }
      case protozero::tag_and_type(kData, protozero::pbf_wire_type::length_delimited):
        result.data = reader.get_string();
        break;
      case protozero::tag_and_type(kFileSize, protozero::pbf_wire_type::varint):
        result.fileSize = reader.get_uint64();
        break;
      case protozero::tag_and_type(kBlockSizes, protozero::pbf_wire_type::varint):
        result.blockSizes.push_back(reader.get_uint64());
        break;
      case protozero::tag_and_type(kBlockSizes, protozero::pbf_wire_type::length_delimited):
        for (const auto size : reader.get_packed_uint64()) result.blockSizes.push_back(size);
        break;
      case protozero::tag_and_type(kHashType, protozero::pbf_wire_type::varint):
        result.hashType = reader.get_uint64();
        break;
      case protozero::tag_and_type(kFanout, protozero::pbf_wire_type::varint):
        result.fanout = reader.get_uint64();
        break;
      default:
        if (reader.tag() < kHashType || reader.tag() > kTime) return malformed("an unknown field");
        reader.skip();
    }
  }
  if (!hasType) return malformed("no type");
  return result;
}

Result<FileNode> readFile(UnixFsData data, const std::vector<Link>& links) {
  if (data.blockSizes.size() != links.size()) {
    return malformed(
        fmt::format("{} block sizes for {} links", data.blockSizes.size(), links.size()));
  }
  FileNode file;
  file.data = std::move(data.data).value_or(std::string());
  file.size = file.data.size();
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (__builtin_add_overflow(file.size, data.blockSizes[i], &file.size)) {
      return malformed("the block sizes add up to more than 64 bits");
    }
    file.parts.push_back({links[i].cid, data.blockSizes[i]});
  }
  if (data.fileSize.value_or(file.size) != file.size) {
    return malformed(
        fmt::format("it claims {} bytes, its parts have {}", *data.fileSize, file.size));
  }
  return file;
}

/// The number of a place: hexadecimal in upper case, all of one width.
std::optional<std::size_t> placeIndex(std::string_view digits) {
  std::size_t value = 0;
  for (const char digit : digits) {
    const auto at = kUpperHex.find(digit);
    if (at == std::string_view::npos) return std::nullopt;
    value = value * 16 + at;
  }
  return value;
}

/// Which places are taken says the bit field, a big number in big-endian bytes without the zeros at
/// its front.
bool hasPlace(std::string_view bits, std::size_t index) {
  if (index / 8 >= bits.size()) return false;
  const auto byte = static_cast<unsigned char>(bits[bits.size() - 1 - index / 8]);
  return (byte >> (index % 8) & 1) != 0;
}

Result<ShardNode> readShard(const UnixFsData& data, const std::vector<Link>& links) {
  if (data.hashType != kMurmur3) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("a sharded folder with hash function 0x{:x} is not supported",
                            data.hashType.value_or(0)),
                "use a folder that is sharded with murmur3-x64-64");
  }
  const auto fanout = data.fanout.value_or(0);
  if (fanout < 8 || fanout > kMaxFanout || !std::has_single_bit(fanout)) {
    return malformed(fmt::format("a shard of {} places", fanout));
  }
  ShardNode shard;
  shard.fanout = static_cast<std::size_t>(fanout);
  const auto bits = std::string_view(data.data ? *data.data : std::string_view());
  const auto width = shardPrefixWidth(shard.fanout);
  std::size_t taken = 0;
  for (const char byte : bits) {
    taken += static_cast<std::size_t>(std::popcount(static_cast<unsigned char>(byte)));
  }
  if (taken != links.size()) {
    return malformed(fmt::format("{} links for {} places of a shard", links.size(), taken));
  }
  for (const auto& link : links) {
    const auto index = link.name.size() < width
                           ? std::nullopt
                           : placeIndex(std::string_view(link.name).substr(0, width));
    if (!index || *index >= shard.fanout || !hasPlace(bits, *index)) {
      return malformed("a link of a shard that names none of its places");
    }
    if (!shard.places.empty() && shard.places.back().index >= *index) {
      return malformed("the links of a shard are not in order");
    }
    shard.places.push_back({*index, link.name.substr(width), link.cid, link.size});
  }
  return shard;
}

}  // namespace

std::size_t shardPrefixWidth(std::size_t fanout) noexcept {
  return (std::bit_width(fanout - 1) + 3) / 4;
}

std::string encodeUnixFs(const UnixFsData& data) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_uint64(kType, std::to_underlying(data.type));
  if (data.data) writer.add_bytes(kData, *data.data);
  if (data.fileSize) writer.add_uint64(kFileSize, *data.fileSize);
  for (const auto size : data.blockSizes) writer.add_uint64(kBlockSizes, size);
  if (data.hashType) writer.add_uint64(kHashType, *data.hashType);
  if (data.fanout) writer.add_uint64(kFanout, *data.fanout);
  return out;
}

Result<UnixFsData> decodeUnixFs(std::span<const std::byte> bytes) {
  try {
    return decodeFields(bytes);
  } catch (const protozero::exception& error) {
    return malformed(error.what());
  }
}

std::string symlinkBlock(std::string_view target) {
  UnixFsData data;
  data.type = UnixFsType::Symlink;
  data.data = std::string(target);
  return encodeNode({{}, encodeUnixFs(data)});
}

bool isUnixFs(const Node& node) {
  return node.data && decodeUnixFs(asBytes(*node.data));
}

Result<UnixFsEntity> readUnixFsEntity(const Node& node) {
  if (!node.data) return malformed("no data field");
  auto data = decodeUnixFs(asBytes(*node.data));
  if (!data) return std::unexpected(data.error());
  switch (data->type) {
    case UnixFsType::Raw:
    case UnixFsType::File:
      return readFile(std::move(*data), node.links);
    case UnixFsType::Directory:
      return DirectoryNode{node.links};
    case UnixFsType::HamtShard:
      return readShard(*data, node.links);
    case UnixFsType::Symlink:
      if (!node.links.empty()) return malformed("a symbolic link with links");
      return SymlinkNode{std::move(data->data).value_or(std::string())};
    case UnixFsType::Metadata:
      return fail(ErrorCategory::Unsupported, "UnixFS metadata nodes are not supported");
  }
  return malformed("unknown type");
}

Result<UnixFsEntity> readUnixFsEntity(std::span<const std::byte> block) {
  const auto node = decodeNode(block);
  if (!node) return std::unexpected(node.error());
  return readUnixFsEntity(*node);
}

Result<UnixFsNode> readUnixFsNode(std::span<const std::byte> block) {
  auto entity = readUnixFsEntity(block);
  if (!entity) return std::unexpected(entity.error());
  if (auto* file = std::get_if<FileNode>(&*entity)) return std::move(*file);
  if (auto* directory = std::get_if<DirectoryNode>(&*entity)) return std::move(*directory);
  if (std::holds_alternative<ShardNode>(*entity)) {
    return fail(ErrorCategory::Unsupported, "sharded directories (HAMT) can't be read here",
                "use a folder with fewer entries");
  }
  return fail(ErrorCategory::Unsupported, "symbolic links in UnixFS are not supported here");
}

}  // namespace webpool::cid

#include "cid/unixfs.h"

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
      default:
        if (reader.tag() < kHashType || reader.tag() > kTime) return malformed("an unknown field");
        reader.skip();
    }
  }
  if (!hasType) return malformed("no type");
  return result;
}

Result<FileNode> readFile(UnixFsData data, std::vector<Link> links) {
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
    file.parts.push_back({std::move(links[i].cid), data.blockSizes[i]});
  }
  if (data.fileSize.value_or(file.size) != file.size) {
    return malformed(
        fmt::format("it claims {} bytes, its parts have {}", *data.fileSize, file.size));
  }
  return file;
}

}  // namespace

std::string encodeUnixFs(const UnixFsData& data) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_uint64(kType, std::to_underlying(data.type));
  if (data.data) writer.add_bytes(kData, *data.data);
  if (data.fileSize) writer.add_uint64(kFileSize, *data.fileSize);
  for (const auto size : data.blockSizes) writer.add_uint64(kBlockSizes, size);
  return out;
}

Result<UnixFsData> decodeUnixFs(std::span<const std::byte> bytes) {
  try {
    return decodeFields(bytes);
  } catch (const protozero::exception& error) {
    return malformed(error.what());
  }
}

Result<UnixFsNode> readUnixFsNode(std::span<const std::byte> block) {
  auto node = decodeNode(block);
  if (!node) return std::unexpected(node.error());
  if (!node->data) return malformed("no data field");
  auto data = decodeUnixFs(asBytes(*node->data));
  if (!data) return std::unexpected(data.error());
  switch (data->type) {
    case UnixFsType::Raw:
    case UnixFsType::File:
      return readFile(std::move(*data), std::move(node->links));
    case UnixFsType::Directory:
      return DirectoryNode{std::move(node->links)};
    case UnixFsType::HamtShard:
      return fail(ErrorCategory::Unsupported, "sharded directories (HAMT) can't be read yet",
                  "use a folder with fewer entries");
    case UnixFsType::Symlink:
      return fail(ErrorCategory::Unsupported, "symbolic links in UnixFS are not supported");
    case UnixFsType::Metadata:
      return fail(ErrorCategory::Unsupported, "UnixFS metadata nodes are not supported");
  }
  return malformed("unknown type");
}

}  // namespace webpool::cid

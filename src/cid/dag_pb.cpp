#include "cid/dag_pb.h"

#include <fmt/format.h>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace webpool::cid {
namespace {

enum NodeField : protozero::pbf_tag_type { kNodeData = 1, kNodeLinks = 2 };
enum LinkField : protozero::pbf_tag_type { kLinkHash = 1, kLinkName = 2, kLinkSize = 3 };

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("malformed dag-pb block: {}", what));
}

std::span<const std::byte> asBytes(protozero::data_view view) {
  return std::as_bytes(std::span(view.data(), view.size()));
}

Result<Link> decodeLink(protozero::pbf_reader reader) {
  Link link;
  bool hasHash = false;
  bool hasName = false;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(kLinkHash, protozero::pbf_wire_type::length_delimited): {
        if (hasHash) return malformed("a link has two hashes");
        auto cid = Cid::fromBytes(asBytes(reader.get_view()));
        if (!cid) return std::unexpected(cid.error());
        link.cid = std::move(*cid);
        hasHash = true;
        break;
      }
      case protozero::tag_and_type(kLinkName, protozero::pbf_wire_type::length_delimited):
        if (hasName) return malformed("a link has two names");
        link.name = reader.get_string();
        hasName = true;
        break;
      case protozero::tag_and_type(kLinkSize, protozero::pbf_wire_type::varint):
        if (link.size) return malformed("a link has two sizes");
        link.size = reader.get_uint64();
        break;
      default:
        return malformed("a link has an unknown field");
    }
  }
  if (!hasHash) return malformed("a link has no hash");
  return link;
}

Result<Node> decodeFields(std::span<const std::byte> block) {
  Node node;
  protozero::pbf_reader reader(reinterpret_cast<const char*>(block.data()), block.size());
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(kNodeLinks, protozero::pbf_wire_type::length_delimited): {
        auto link = decodeLink(reader.get_message());
        if (!link) return std::unexpected(link.error());
        node.links.push_back(std::move(*link));
        break;
      }
      case protozero::tag_and_type(kNodeData, protozero::pbf_wire_type::length_delimited):
        if (node.data) return malformed("two data fields");
        node.data = reader.get_string();
        break;
      default:
        return malformed("an unknown field");
    }
  }
  return node;
}

}  // namespace

std::string encodeNode(const Node& node) {
  std::string out;
  protozero::pbf_writer writer(out);
  for (const auto& link : node.links) {
    std::string message;
    protozero::pbf_writer fields(message);
    fields.add_bytes(kLinkHash, link.cid.bytes());
    fields.add_string(kLinkName, link.name);
    if (link.size) fields.add_uint64(kLinkSize, *link.size);
    writer.add_message(kNodeLinks, message);
  }
  if (node.data) writer.add_bytes(kNodeData, *node.data);
  return out;
}

Result<Node> decodeNode(std::span<const std::byte> block) {
  if (block.size() > kMaxBlock) {
    return malformed(fmt::format("{} bytes, over the limit of {}", block.size(), kMaxBlock));
  }
  try {
    return decodeFields(block);
  } catch (const protozero::exception& error) {  // how protozero reports cut-off and lying lengths
    return malformed(error.what());
  }
}

}  // namespace webpool::cid

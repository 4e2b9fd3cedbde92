#include "cid/ipld.h"

#include <charconv>

#include <fmt/format.h>

namespace webpool::cid {
namespace {

void collectLinks(const Ipld& value, std::vector<Cid>& links) {
  if (const auto* link = std::get_if<Cid>(&value.value)) {
    links.push_back(*link);
  } else if (const auto* list = std::get_if<IpldList>(&value.value)) {
    for (const auto& element : *list) collectLinks(element, links);
  } else if (const auto* map = std::get_if<IpldMap>(&value.value)) {
    for (const auto& [key, element] : *map) collectLinks(element, links);
  }
}

}  // namespace

const Ipld* findIpld(const Ipld& value, std::string_view segment) {
  if (const auto* map = std::get_if<IpldMap>(&value.value)) {
    for (const auto& [key, element] : *map) {
      if (key == segment) return &element;
    }
    return nullptr;
  }
  const auto* list = std::get_if<IpldList>(&value.value);
  if (list == nullptr || (segment.size() > 1 && segment[0] == '0')) return nullptr;
  std::size_t index = 0;
  const auto* const end = segment.data() + segment.size();
  const auto [last, error] = std::from_chars(segment.data(), end, index);
  if (error != std::errc{} || last != end || index >= list->size()) return nullptr;
  return &(*list)[index];
}

std::vector<Cid> linksOf(const Ipld& value) {
  std::vector<Cid> links;
  collectLinks(value, links);
  return links;
}

Result<Ipld> decodeIpld(Codec codec, std::span<const std::byte> block) {
  if (codec == Codec::DagCbor) return decodeDagCbor(block);
  if (codec == Codec::DagJson) return decodeDagJson(block);
  return fail(ErrorCategory::Unsupported,
              fmt::format("{} content has no values of IPLD", codecName(codec)));
}

}  // namespace webpool::cid

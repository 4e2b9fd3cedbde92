#include "pool/join_content.h"

#include <utility>

#include "api/ipfs_handler.h"
#include "cid/dag_pb.h"

namespace webpool::pool {
namespace {

constexpr std::string_view kPrefix = "/ipfs/";

}  // namespace

Result<void> JoinContent::addBlocks(const cid::Cid& cid, std::set<cid::Cid>& all) const {
  if (!all.insert(cid.normalized()).second || cid.codec() == cid::Codec::Raw) return {};
  const auto block = store_.block(cid);
  if (!block) return std::unexpected(block.error());
  const auto bytes = store::readContent(block->content);
  if (!bytes) return std::unexpected(bytes.error());
  const auto node = cid::decodeNode({bytes->data(), bytes->size()});
  if (!node) return std::unexpected(node.error());
  for (const auto& link : node->links) {
    if (auto added = addBlocks(link.cid, all); !added) return added;
  }
  return {};
}

Result<void> JoinContent::share(std::vector<SharedModel> models) {
  std::set<cid::Cid> all;
  for (const auto& model : models) {
    for (const auto& file : model.files) {
      if (auto added = addBlocks(file, all); !added) return added;
    }
  }
  shared_ = std::move(all);
  models_ = std::move(models);
  return {};
}

net::Response JoinContent::respond(const net::Request& request) const {
  std::string_view text = request.path;
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  // A path below a CID is part of the text here: no CID, so nothing that is shared.
  const auto cid = cid::Cid::parse(text);
  if (!cid || !shared_.contains(cid->normalized())) {
    return net::textResponse(404, "this content is not held here");
  }
  return api::respondWithContent(store_, request);
}

}  // namespace webpool::pool

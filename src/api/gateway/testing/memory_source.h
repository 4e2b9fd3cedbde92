// A source of blocks in memory, for tests and for the server of the conformance suite.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/gateway/body.h"
#include "api/gateway/gateway.h"
#include "cid/hamt.h"

namespace webpool::api::gateway::testing {

class MemorySource : public Source {
 public:
  Result<Bytes> get(const cid::Cid& cid) override {
    const auto found = blocks_.find(cid.normalized());
    if (found != blocks_.end()) return found->second;
    return fail(ErrorCategory::NotFound, cid.text() + " is not here");
  }
  Result<Content> block(const cid::Cid& cid) override {
    auto bytes = get(cid);
    if (!bytes) return std::unexpected(bytes.error());
    return Content(std::move(*bytes));
  }

  void put(const cid::Cid& cid, std::string block) {
    blocks_[cid.normalized()] = Bytes::adopt(std::move(block));
  }
  cid::Cid put(cid::Codec codec, std::string block) {
    const auto cid = cid::Cid::of(codec, std::as_bytes(std::span(block)));
    put(cid, std::move(block));
    return cid;
  }
  void remove(const cid::Cid& cid) { blocks_.erase(cid.normalized()); }
  std::size_t size() const { return blocks_.size(); }

  /// A raw leaf, as an entry of a folder.
  cid::Link file(const std::string& name, const std::string& content) {
    return {put(cid::Codec::Raw, content), name, content.size()};
  }
  /// A file of leaves.
  cid::Link file(const std::string& name, const std::vector<std::string>& leaves) {
    cid::UnixFsData data;
    cid::Node node;
    std::uint64_t below = 0;
    data.fileSize = 0;
    for (const auto& leaf : leaves) {
      node.links.push_back({put(cid::Codec::Raw, leaf), "", leaf.size()});
      data.blockSizes.push_back(leaf.size());
      *data.fileSize += leaf.size();
      below += leaf.size();
    }
    node.data = cid::encodeUnixFs(data);
    auto block = cid::encodeNode(node);
    below += block.size();
    return {put(cid::Codec::DagPb, std::move(block)), name, below};
  }
  cid::Link folder(const std::string& name, std::vector<cid::Link> entries,
                   std::size_t threshold = cid::kMaxDirectoryBlock) {
    const auto tree = cid::buildFolder(std::move(entries), threshold).value();
    for (const auto& node : tree.nodes) put(node.cid, node.block);
    return {tree.root, name, tree.dagSize};
  }

 private:
  std::map<cid::Cid, Bytes> blocks_;
};

/// All of an answer's body; the error where it ends too early.
inline Result<std::string> readBody(Answer& answer) {
  if (!answer.body) return std::get<std::string>(answer.response.body);
  std::string all;
  while (true) {
    auto piece = answer.body->next();
    if (!piece) return std::unexpected(piece.error());
    if (!*piece) return all;
    all += (*piece)->text;  // nothing here lies in files
  }
}

inline net::Request request(std::string path, std::string query = "",
                            std::vector<std::pair<std::string, std::string>> headers = {},
                            std::string method = "GET") {
  net::Request made{.method = std::move(method),
                    .path = std::move(path),
                    .query = std::move(query),
                    .headers = {},
                    .body = {},
                    .peer = {}};
  for (auto& [name, value] : headers) made.headers.set(name, std::move(value));
  return made;
}

}  // namespace webpool::api::gateway::testing

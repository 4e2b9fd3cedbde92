// What of the content store a joined device may fetch: the files of the models that are shared with
// joined devices, by their CIDs, and nothing else. Whoever holds a link must not be able to read a
// private model by guessing that it is there.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cid/cid.h"
#include "net/http_types.h"
#include "store/content_store.h"

namespace webpool::pool {

/// A model that joined devices may be given.
struct SharedModel {
  std::string name;
  std::string dtype;
  std::uint64_t bytes = 0;           ///< of all files
  std::vector<cid::Cid> files = {};  ///< those that a load names
};

/// On one thread. The store must outlive it.
class JoinContent {
 public:
  explicit JoinContent(const store::ContentStore& store) : store_(store) {}

  /// Replaces what may be fetched: these files and the blocks that they consist of. NotFound or
  /// Integrity, and nothing changes, where the store does not hold them.
  Result<void> share(std::vector<SharedModel> models);

  const std::vector<SharedModel>& models() const noexcept { return models_; }

  /// GET of /ipfs/{cid}: as api::respondWithContent, but 404 with the words for "not held" for all
  /// that is not shared, held or not.
  net::Response respond(const net::Request& request) const;

 private:
  Result<void> addBlocks(const cid::Cid& cid, std::set<cid::Cid>& all) const;

  const store::ContentStore& store_;
  std::vector<SharedModel> models_;
  std::set<cid::Cid> shared_;  ///< normalized
};

}  // namespace webpool::pool

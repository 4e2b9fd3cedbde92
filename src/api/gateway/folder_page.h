// A folder's page, made while its client reads it: one of a hundred thousand entries takes neither
// a thread nor memory for long.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/gateway/body.h"
#include "api/gateway/pages.h"
#include "cid/blocks.h"
#include "cid/unixfs.h"

namespace webpool::api::gateway {

/// The entries of a folder, plain (in its order) or sharded (in the order of places), each when it
/// is asked for: at most one shard of each level is held.
class FolderEntries {
 public:
  /// `blocks` must outlive it.
  FolderEntries(cid::Blocks& blocks, cid::Cid folder)
      : blocks_(blocks), folder_(std::move(folder)) {}

  /// nullopt at the end; nothing follows an error. NotFound where a block is missing, Protocol for
  /// shards that are none, too deep or empty.
  Result<std::optional<cid::Link>> next();

 private:
  struct Level {
    std::vector<cid::ShardNode::Place> places;
    std::size_t at = 0;
  };
  Result<void> begin();
  Result<void> descend(const cid::Cid& shard);

  cid::Blocks& blocks_;
  cid::Cid folder_;
  bool begun_ = false;
  std::vector<cid::Link> plain_;
  std::size_t atPlain_ = 0;
  std::vector<Level> levels_;
  unsigned fruitless_ = 0;  ///< shards since the last entry
};

class FolderPage : public BodyReader {
 public:
  static constexpr std::size_t kMostListed = 100'000;

  /// `source` must outlive it.
  FolderPage(Source& source, FolderPageText text, const cid::Cid& folder,
             std::size_t mostListed = kMostListed)
      : text_(std::move(text)), entries_(source, folder), left_(mostListed), most_(mostListed) {}

  /// Makes the begin of it, so that what is wrong with the folder shows before the answer begins.
  Result<void> begin();
  /// All of it, once, where it is so short that begin() made it; else it is to be read.
  std::optional<std::string> whole();

  Result<std::optional<Piece>> next() override;

 private:
  Result<std::string> more();

  FolderPageText text_;
  FolderEntries entries_;
  std::size_t left_;
  const std::size_t most_;
  std::string first_;
  bool headed_ = false;
  bool ended_ = false;
};

}  // namespace webpool::api::gateway

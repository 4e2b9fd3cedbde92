// Blocks in memory, for tests. Checks no hashes, so that a test can make DAGs that can't be.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cid/blocks.h"

namespace webpool::cid::testing {

class MemoryBlocks : public Blocks {
 public:
  Result<Bytes> get(const Cid& cid) override {
    asked.push_back(cid);
    const auto found = blocks_.find(cid.normalized());
    if (found == blocks_.end()) return fail(ErrorCategory::NotFound, cid.text() + " is not here");
    return found->second;
  }

  void put(const Cid& cid, std::string block) {
    blocks_[cid.normalized()] = Bytes::adopt(std::move(block));
  }
  Cid put(Codec codec, std::string block) {
    const auto cid = Cid::of(codec, std::as_bytes(std::span(block)));
    put(cid, std::move(block));
    return cid;
  }
  void remove(const Cid& cid) { blocks_.erase(cid.normalized()); }
  std::size_t size() const { return blocks_.size(); }

  std::vector<Cid> asked;  ///< every get(), in order

 private:
  std::map<Cid, Bytes> blocks_;
};

}  // namespace webpool::cid::testing

// Pins that end with whoever made them, however that ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cid/cid.h"
#include "webpool/error.h"

namespace webpool::store {

class ContentStore;
struct Pin;
class StagingFolder;

/// Not thread-safe; must not outlive its ContentStore.
class Hold {
 public:
  /// Takes away its pins; where its process dies first, the next opening or collection does.
  ~Hold();

  /// The pin that is to be written for `root`, by whoever makes it complete.
  Pin pin(const cid::Cid& root);

 private:
  friend class ContentStore;
  Hold(ContentStore& store, std::unique_ptr<StagingFolder> folder);

  ContentStore& store_;
  std::unique_ptr<StagingFolder> folder_;  ///< its lock says that this lives
  std::vector<Pin> pins_;
};

}  // namespace webpool::store

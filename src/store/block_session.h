// Blocks that come one by one, from a CAR or from other nodes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "cid/cid.h"
#include "webpool/error.h"

namespace webpool::store {

class ContentStore;
struct Pin;
class StagingFolder;

/// What is put here is held against collections, in every process, until the session goes. Not
/// thread-safe; must not outlive its ContentStore.
class BlockSession {
 public:
  ~BlockSession();

  /// Takes the block, after hashing it. One that the store has already, in whatever form, is not
  /// written again, unless it is damaged there. InvalidArgument for over 2 MiB, Integrity where it
  /// is not of this CID; NoSpace and Storage, after which what was put before is still there.
  Result<void> put(const cid::Cid& cid, std::span<const std::byte> block);

  /// When this returns, all that was put is found by ContentStore::block() and survives a crash of
  /// the machine.
  Result<void> flush();

  /// Flushes, and pins `pin.cid`. NotFound where something below it is missing.
  Result<void> commit(const Pin& pin);

 private:
  friend class ContentStore;
  struct State;
  BlockSession(ContentStore& store, std::unique_ptr<StagingFolder> folder);

  ContentStore& store_;
  std::unique_ptr<State> state_;
};

}  // namespace webpool::store

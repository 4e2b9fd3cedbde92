// CARs (version 1) out of the store and into it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cid/cid.h"
#include "cid/dag_walk.h"
#include "store/progress.h"
#include "webpool/error.h"

namespace webpool::store {

class ContentStore;

struct CarWritten {
  std::uint64_t bytes = 0;  ///< of the CAR
  std::uint64_t blocks = 0;
};

/// Writes a CAR with that one root to an open file, pipe or socket; `path` names it in errors.
/// Leaves go from file to file inside the kernel, where it can. NotFound names a block that is
/// missing, Integrity one that is damaged: what was written by then is no whole CAR.
Result<CarWritten> writeCar(const ContentStore& store, const cid::Cid& root, cid::DagScope scope,
                            int file, const std::filesystem::path& path,
                            const JobOptions& options = {});

/// The same to the new file `target`, which is there whole or not at all.
Result<CarWritten> exportCar(const ContentStore& store, const cid::Cid& root, cid::DagScope scope,
                             const std::filesystem::path& target, const JobOptions& options = {});

struct CarImport {
  bool pin = false;          ///< each root, under its CID
  std::string name = {};     ///< the only root, under this name
  bool skipForeign = false;  ///< blocks with a foreign codec or hash function are passed over
};

struct CarRead {
  std::vector<cid::Cid> roots;
  std::uint64_t bytes = 0;  ///< of the CAR
  std::uint64_t blocks = 0;
  std::uint64_t passedOver = 0;
};

/// Takes the blocks of a CAR out of an open file or pipe; each is checked before it is stored, and
/// at most two MiB of the CAR are in memory beside what waits for the disk. Protocol, Integrity and
/// Unsupported as cid::CarReader; NotFound where what is to be pinned lacks blocks. After an error
/// nothing more is pinned, and what was good stays until the next collection.
Result<CarRead> importCar(ContentStore& store, int file, const std::filesystem::path& path,
                          const CarImport& how = {}, const JobOptions& options = {});

}  // namespace webpool::store

// Where the bytes behind CIDs come from: a store, a CAR, a test.
#pragma once

#include <cstdint>

#include "cid/cid.h"
#include "cid/dag_pb.h"
#include "webpool/tensor.h"

namespace webpool::cid {

class Blocks {
 public:
  virtual ~Blocks() = default;

  /// The block of exactly this CID; what it returns matches its hash. NotFound where the source
  /// has not got it. Never asked for identity CIDs by the functions of this folder.
  virtual Result<Bytes> get(const Cid& cid) = 0;

  /// How many bytes get() would give: for leaves that nobody looks into.
  virtual Result<std::uint64_t> sizeOf(const Cid& cid);
};

/// The block, of an identity CID out of the CID itself. Protocol for one over kMaxBlock.
Result<Bytes> readBlock(Blocks& blocks, const Cid& cid);

/// Its size alone; the same errors.
Result<std::uint64_t> blockSize(Blocks& blocks, const Cid& cid);

/// Deeper DAGs are refused: what is that deep was made to be.
inline constexpr unsigned kMaxDagDepth = 1024;

}  // namespace webpool::cid

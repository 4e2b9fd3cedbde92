// Bodies that are read bit by bit: files block by block, and CARs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/gateway/source.h"
#include "cid/dag_walk.h"
#include "cid/resolve_path.h"

namespace webpool::api::gateway {

/// Bytes, and a part of a file behind them.
struct Piece {
  std::string text;
  std::optional<net::FileRegion> file = {};
};

/// Pulled by one thread at a time; it reads blocks, so not by the event loop's.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  /// The next piece, about a block of it; nullopt at the end. Nothing follows an error.
  virtual Result<std::optional<Piece>> next() = 0;
};

/// Bytes [offset, offset + length) of a file; `source` must outlive it.
std::unique_ptr<BodyReader> fileBody(Source& source, const cid::Cid& file, std::uint64_t offset,
                                     std::uint64_t length);

/// A CAR of the blocks on the way to `path` and below it.
std::unique_ptr<BodyReader> carBody(Source& source, cid::ResolvedPath path,
                                    const cid::DagWalkOptions& options);

}  // namespace webpool::api::gateway

// What a gateway serves: blocks, and where it knows how, whole files as they lie on the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "cid/blocks.h"
#include "net/http_types.h"

namespace webpool::api::gateway {

/// Bytes in memory, or a part of a file that is sent with sendfile(2).
using Content = std::variant<Bytes, net::FileRegion>;

std::uint64_t contentSize(const Content& content) noexcept;

/// Called from several threads at a time. Never fetches: what it has not got is NotFound.
class Source : public cid::Blocks {
 public:
  /// The block of exactly this CID, to be sent; of an identity CID never asked for.
  virtual Result<Content> block(const cid::Cid& cid) = 0;

  /// All bytes of the file of this CID, where they lie in one piece; nullopt: its blocks are to be
  /// walked. `cid` may name anything. NotFound is no answer here.
  virtual Result<std::optional<Content>> wholeFile(const cid::Cid& cid);
};

}  // namespace webpool::api::gateway

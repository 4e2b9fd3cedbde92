// A part of an open file, as it is sent.
#pragma once

#include <cstdint>
#include <memory>

#include "base/file.h"

namespace webpool::net {

/// Bytes [offset, offset + length) of an open file, sent with sendfile(2).
struct FileRegion {
  std::shared_ptr<const base::FileDescriptor> file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

}  // namespace webpool::net

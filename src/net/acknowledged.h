// How much of what was sent has arrived. Inside src/net only.
#pragma once

#include <cstdint>

namespace webpool::net {

/// Bytes that the other end of a TCP socket has acknowledged so far; 0 where the kernel does not
/// tell.
std::uint64_t bytesAcknowledged(int socket) noexcept;

}  // namespace webpool::net

// Which user of this machine has the other end of a loopback connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace webpool::net {

/// The owner of the socket 127.0.0.1:`from` that is connected to 127.0.0.1:`to`, out of the text of
/// /proc/net/tcp (proc(5)). None where no line tells: the connection is gone, or from elsewhere.
std::optional<unsigned> ownerInTable(std::string_view table, std::uint16_t from, std::uint16_t to);

/// The owner of the peer "127.0.0.1:PORT" of a connection to our port `to`. None for other
/// addresses, and where the system does not tell. Reads /proc.
std::optional<unsigned> peerOwner(std::string_view peer, std::uint16_t to);

}  // namespace webpool::net

// Sends part of a file to a socket, without passing it through the program where that is possible.
// Inside src/net only.
#pragma once

#include <boost/system/error_code.hpp>
#include <functional>

#include "net/http_types.h"
#include "net/stream.h"

namespace webpool::net {

/// In slices, between which other work of the loop gets its turn. `progress` is called after each.
/// An error when the peer is gone or the file is shorter than it was said to be; what was sent by
/// then can't be taken back, so the connection must be closed. The region and the function must
/// outlive the call.
Awaitable<boost::system::error_code> sendFile(Socket& socket, const FileRegion& region,
                                              const std::function<void()>& progress);

/// The same through TLS, where the program has to see the bytes.
Awaitable<boost::system::error_code> sendFile(TlsStream& stream, const FileRegion& region,
                                              const std::function<void()>& progress);

}  // namespace webpool::net

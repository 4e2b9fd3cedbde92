// One HTTP/1.1 connection from its first byte to its end or its upgrade. Inside src/net only.
#pragma once

#include <memory>

#include "net/server_state.h"

namespace webpool::net {

/// Starts to serve, through TLS where the server has an identity; returns at once.
void serveHttp(std::shared_ptr<Server::State> server, Socket socket);

}  // namespace webpool::net

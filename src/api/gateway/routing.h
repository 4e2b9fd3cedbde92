// The server of HTTP routing v1 (/routing/v1): who has a CID. It knows of this node alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/gateway/source.h"
#include "net/http_types.h"

namespace webpool::api::gateway {

/// This node, as others are told of it.
struct Provider {
  std::string peerId;                  ///< "12D3KooW…"; empty: nobody is told of
  std::vector<std::string> addresses;  ///< "/ip4/192.0.2.1/tcp/8080/http"
};

/// The peer id of an Ed25519 public key.
std::string peerIdOf(std::span<const std::byte, 32> publicKey);

/// GET /routing/v1/providers/{cid} and /routing/v1/peers/{peer}: JSON or, where it is asked for,
/// ndjson; 200 with an empty list where nothing is known.
net::Response answerRouting(Source& source, const Provider& self, const net::Request& request);

}  // namespace webpool::api::gateway

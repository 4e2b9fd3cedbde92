// Who this node is for HTTP routing, and where it is reached.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "webpool/error.h"

namespace webpool::api::gateway {

/// The peer id of the Ed25519 key in `file` (PEM, mode 0600), which is made where there is none.
/// Storage where it can't be kept, InvalidArgument where the file holds something else.
Result<std::string> keptPeerId(const std::filesystem::path& file);

/// "/ip4/192.0.2.1/tcp/8080/http", "/ip6/…", "/dns/NAME/…" of addresses and names.
std::vector<std::string> httpMultiaddresses(std::span<const std::string> hosts, std::uint16_t port);

}  // namespace webpool::api::gateway

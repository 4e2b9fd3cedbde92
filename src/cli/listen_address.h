// Where a server listens, as it is written on the command line, and under which names it is then
// reached.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace CLI {
class Option;
}

namespace webpool::cli {

struct ListenAddress {
  std::string host = "127.0.0.1";
  std::optional<std::uint16_t> port;  ///< absent: the usual one, or any free one; 0: any free one
};

/// "8080", "0.0.0.0", "0.0.0.0:8080", "[::1]:8080", "localhost:8080".
Result<ListenAddress> parseListenAddress(std::string_view text);

/// The IP address that is meant: of the name "localhost" 127.0.0.1. No other name is resolved;
/// nullopt for one.
std::optional<std::string> listenHost(std::string_view text);

/// The option takes such an address.
void takeListenHost(CLI::Option& option);

bool isLoopback(std::string_view host);

/// The addresses of this machine that it is reached under: its own, or those of all interfaces.
std::vector<std::string> reachedAddresses(const std::string& host);

/// For ServerOptions::allowedHosts: what clients beyond this machine may call it. `names`: further
/// ones.
std::vector<std::string> hostNames(const std::string& host, std::vector<std::string> names = {});

}  // namespace webpool::cli

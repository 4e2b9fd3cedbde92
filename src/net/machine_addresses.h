// The addresses and names under which others may reach this machine: for the link that is shown,
// the certificate, and the check of a request's Host.
#pragma once

#include <string>
#include <vector>

namespace webpool::net {

/// IP addresses of the interfaces that are up, IPv4 before IPv6, loopback and link-local ones left
/// out; those of container bridges last. May be empty.
std::vector<std::string> machineAddresses();

/// The host's name and "NAME.local" (mDNS), lower case; empty where it has none that a link could
/// hold.
std::vector<std::string> machineNames();

/// "[::1]" for "::1", other hosts as they are: as they stand in an address.
std::string hostInUrl(std::string host);

}  // namespace webpool::net

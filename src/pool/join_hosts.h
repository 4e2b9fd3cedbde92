// By which names the join desk is reached, and the certificate that it shows under them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "net/tls_identity.h"
#include "webpool/join.h"

namespace webpool::pool {

/// What may stand as Host in a request, best for a link first; IPv6 without brackets.
std::vector<std::string> joinHosts(const JoinOptions& options);

/// Null without TLS. Errors of net/tls_identity.h; InvalidArgument where a certificate comes
/// without its key.
Result<std::shared_ptr<const net::TlsIdentity>> joinIdentity(const JoinOptions& options,
                                                             const std::filesystem::path& ownFolder,
                                                             const std::vector<std::string>& hosts);

}  // namespace webpool::pool

// A certificate that this machine makes for itself. No authority vouches for it, so that a browser
// warns and a person compares the fingerprint once; but WebGPU, shared memory and the browser's
// storage are there only for pages that came over TLS.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "net/tls_identity.h"

namespace webpool::net {

struct PemPair {
  std::string certificate;
  std::string key;
};

/// ECDSA P-256, signed by itself, for `names` (host names and IP addresses; at least one), valid
/// from a day before `now` for 397 days: browsers take no longer ones.
Result<PemPair> makeCertificate(const std::vector<std::string>& names, WallTime now);

/// The one kept in `folder` (certificate.pem, key.pem with mode 0600); made anew where there is
/// none, where it is damaged, has less than a week left, or is not for all of `names`. Storage
/// where the folder can't be written.
Result<std::shared_ptr<const TlsIdentity>> ownCertificate(const std::filesystem::path& folder,
                                                          const std::vector<std::string>& names,
                                                          WallTime now);

}  // namespace webpool::net

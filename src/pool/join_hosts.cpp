#include "pool/join_hosts.h"

#include <algorithm>

#include "net/certificate.h"
#include "net/machine_addresses.h"

namespace webpool::pool {
namespace {

bool isLoopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

/// The hosts and this machine's other IPv4 addresses and names, so that another address to listen
/// on needs no other certificate, whose fingerprint people would have to compare again.
std::vector<std::string> certificateNames(std::vector<std::string> hosts) {
  for (auto& address : net::machineAddresses()) {
    if (address.find(':') == std::string::npos) hosts.push_back(std::move(address));
  }
  for (auto& name : net::machineNames()) hosts.push_back(std::move(name));
  hosts.emplace_back("::1");
  std::ranges::sort(hosts);
  const auto doubled = std::ranges::unique(hosts);
  hosts.erase(doubled.begin(), doubled.end());
  return hosts;
}

}  // namespace

std::vector<std::string> joinHosts(const JoinOptions& options) {
  std::vector<std::string> hosts;
  if (!options.name.empty()) hosts.push_back(options.name);
  const bool any = options.address == "0.0.0.0" || options.address == "::";
  if (!any) hosts.push_back(options.address);
  if (any) {
    for (auto& address : net::machineAddresses()) {
      const bool v6 = address.find(':') != std::string::npos;
      if (!v6 || options.address == "::") hosts.push_back(std::move(address));
    }
  }
  if (!isLoopback(options.address)) {
    for (auto& name : net::machineNames()) hosts.push_back(std::move(name));
  }
  hosts.emplace_back("127.0.0.1");
  hosts.emplace_back("localhost");
  return hosts;
}

Result<std::shared_ptr<const net::TlsIdentity>> joinIdentity(
    const JoinOptions& options, const std::filesystem::path& ownFolder,
    const std::vector<std::string>& hosts) {
  const auto now = std::chrono::system_clock::now();
  if (!options.tls) return nullptr;
  if (options.certificate.empty() != options.key.empty()) {
    return fail(ErrorCategory::InvalidArgument,
                "a certificate needs its key, and a key its certificate",
                "give both --tls-cert and --tls-key, or neither");
  }
  if (options.certificate.empty()) {
    return net::ownCertificate(ownFolder, certificateNames(hosts), now);
  }
  return net::TlsIdentity::fromFiles(options.certificate, options.key, now);
}

}  // namespace webpool::pool

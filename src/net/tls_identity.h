// Who the server is to a browser that speaks TLS: a certificate with its chain, and the key to it.
// Checked when it is read, so that a wrong file is an error of the start and not of every visitor.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::net {

using WallTime = std::chrono::system_clock::time_point;

/// Immutable and thread-safe; as many servers as want may share one.
class TlsIdentity {
 public:
  /// Files in PEM: the server's certificate first, then those that vouch for it; and its key,
  /// without a pass phrase. NotFound or Storage where a file can't be read, InvalidArgument where
  /// it holds something else, the two don't belong together, or `now` is outside of the
  /// certificate's time.
  static Result<std::shared_ptr<const TlsIdentity>> fromFiles(
      const std::filesystem::path& certificate, const std::filesystem::path& key, WallTime now);

  /// The same from memory; the names stand in messages.
  static Result<std::shared_ptr<const TlsIdentity>> fromPem(std::string_view certificate,
                                                            std::string_view certificateName,
                                                            std::string_view key,
                                                            std::string_view keyName, WallTime now);

  struct Impl;
  explicit TlsIdentity(std::unique_ptr<Impl> impl);
  ~TlsIdentity();

  /// SHA-256 of the server's certificate as browsers show it: "AB:CD:…", 95 characters.
  const std::string& fingerprint() const noexcept;
  WallTime expires() const noexcept;
  /// Names and addresses that the certificate is for, sorted; "*.example.org" as it stands there.
  const std::vector<std::string>& names() const noexcept;

  /// Inside src/net only.
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace webpool::net

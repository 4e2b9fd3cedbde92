// Letting browsers of other machines join a pool by a link: docs/joining.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace webpool {

/// The second server that a pool opens for devices that join.
struct JoinOptions {
  std::string address = "0.0.0.0";  ///< to bind
  std::uint16_t port = 0;           ///< 0: any free one
  /// Name or address in the link, where it is not this machine's own; also taken as a Host.
  std::string name = {};
  bool tls = true;
  std::filesystem::path certificate = {};  ///< PEM; empty: one of our own, kept in the data folder
  std::filesystem::path key = {};
  std::chrono::milliseconds linkTtl = std::chrono::hours(24);
  std::size_t maxDevices = 64;
};

/// What is handed to whoever may join.
struct Invitation {
  /// "https://192.0.2.1:8443/join/#key=…"; the key is in the fragment, which no server sees.
  std::string link;
  std::string fingerprint;  ///< "AB:CD:…" of the certificate (SHA-256); empty without TLS
};

}  // namespace webpool

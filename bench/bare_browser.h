// A browser at a page that does as little as possible, started with the same flags and the same
// kind of profile as the pool's.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "bare_server.h"
#include "pool/browser_host.h"

namespace webpool::bench {

class BareBrowser {
 public:
  /// Starts it at that page of the server and waits until the page's WebSocket is open. The profile
  /// stays in `cacheFolder`. The server must outlive it.
  BareBrowser(BareServer& server, const std::string& page,
              const std::filesystem::path& cacheFolder);

  /// From the start of the process to the open WebSocket.
  double launchMs() const { return launchMs_; }

  /// The browser's executable.
  std::filesystem::path program() const;

  /// Sends `message` `count` times and waits for as many answers, `inFlight` of them at a time.
  void roundTrips(const Bytes& message, unsigned count, unsigned inFlight);

  /// Sends a line of text and waits for the page's line.
  std::string ask(const std::string& line);

  /// The bytes of the last answer of roundTrips().
  Bytes lastAnswer() const;

 private:
  void read();

  std::unique_ptr<pool::BrowserHost> host_;
  std::optional<pool::HostedBrowser> browser_;  ///< ends before its host
  std::unique_ptr<BareServer::WebSocket> page_;
  boost::beast::flat_buffer buffer_;
  double launchMs_ = 0;
};

/// The name and version of the browser that the pool would launch.
std::string describeBrowser(const std::filesystem::path& cacheFolder);

}  // namespace webpool::bench

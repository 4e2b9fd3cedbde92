// The HTTP and WebSocket server that pages and tools connect to. It is built to be reachable by
// pages of its own origin and by programs, and by no other page: Host and Origin are checked before
// a handler sees a request, and every response keeps the page cross-origin isolated.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/event_loop.h"
#include "net/http_types.h"
#include "net/tls_identity.h"
#include "session/channel.h"
#include "webpool/error.h"

namespace webpool::net {

/// A request that the server answers itself, as no handler does. Empty is what could not be read so
/// far.
struct RefusedRequest {
  std::string_view method;
  std::string_view path;
  std::string_view peer;  ///< "address:port" of the other end
  const Headers& headers;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address to bind, not a name
  std::uint16_t port = 0;             ///< 0: any free one
  /// Names beside 127.0.0.1, localhost and [::1] under which clients may address the server: "name"
  /// (any port) or "name:port".
  std::vector<std::string> allowedHosts = {};
  /// Where pages of every origin may read ("/ipfs/"): GET, HEAD and OPTIONS of such a path are not
  /// refused for their origin. What a page then sees, the handler's CORS fields say.
  std::vector<std::string> openPrefixes = {};
  /// Speaks HTTPS and nothing else with this; HTTP without.
  std::shared_ptr<const TlsIdentity> tls = {};

  std::uint64_t maxFrameBytes = 1ull << 30;   ///< of a WebSocket message received; above: 4413
  std::uint64_t maxQueuedBytes = 2ull << 30;  ///< waiting in one channel's send queue; above: 4413
  std::uint64_t maxBodyBytes = 64ull << 20;   ///< of a request; above: 413
  /// Of all requests together that are being read or wait for their answers; above: 503.
  std::uint64_t maxBodiesBytes = 1ull << 30;
  std::uint32_t maxHeaderBytes = 16u << 10;  ///< of a request; above: 431
  /// Above, a new one takes the place of the one that has waited longest without a whole request;
  /// 503 where there is none.
  std::size_t maxConnections = 1024;

  base::Duration handshakeTimeout = std::chrono::seconds(10);  ///< of TLS, from its first byte on
  base::Duration headerTimeout = std::chrono::seconds(10);     ///< 408, where any of it has come
  base::Duration idleTimeout = std::chrono::seconds(60);  ///< between requests; reader that stalls
  base::Duration bodyTimeout = std::chrono::seconds(30);  ///< plus 1 s for each 64 KiB of body: 408
  base::Duration closeTimeout = std::chrono::seconds(5);  ///< for a peer to take part in closing

  /// What the server itself answers where no handler does (400, 404, 405, 413, 431, …). `path` is
  /// empty where the request could not be read so far. Null: a line of text.
  std::function<Response(int status, std::string_view path, std::string_view reason)> refusal = {};
  /// Is shown each of these answers before it is sent, and may add fields. On the loop thread.
  std::function<void(const RefusedRequest& request, Response& answer)> onRefusal = {};
};

/// What a page asked when it opened a WebSocket.
struct RequestInfo {
  std::string path;
  std::string query;  ///< without '?'
  Headers headers;
  std::string peer;  ///< "address:port" of the other end
};

/// Called when a WebSocket is open. The listener returned must live until its onClosed or until the
/// channel is destroyed; null refuses the peer (4401). Destroying the channel closes the connection
/// and no callback follows. send() may be called at once.
using ChannelFactory = std::function<session::ChannelListener*(
    std::unique_ptr<session::Channel> channel, RequestInfo info)>;

/// Everything here on the loop thread, or while the loop does not run. The loop outlives the
/// server.
class Server {
 public:
  /// Binds and listens; serving begins when the loop runs. InvalidArgument for an address that is
  /// none of this machine, PortInUse for a taken port.
  static Result<std::unique_ptr<Server>> listen(EventLoop& loop, ServerOptions options);

  /// stop()
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Exact path; "GET" answers HEAD too. A later route of the same method and path replaces it.
  void route(std::string method, std::string path, Handler handler);

  /// Every path that begins with `prefix`; the longest prefix wins, an exact route before it.
  void routePrefix(std::string method, std::string prefix, Handler handler);

  /// Upgrades on that path; the upgrade must name our own origin.
  void onWebSocket(std::string path, ChannelFactory factory);

  std::uint16_t port() const noexcept;
  /// "http://127.0.0.1:8080", or "https://…" with TLS.
  std::string origin() const;
  /// Open connections, WebSockets included.
  std::size_t connections() const noexcept;

  /// Takes no new connections; those that are open go on. The port is free.
  void stopListening();

  /// Ends every connection (WebSockets with close code 1001, but for TLS) and frees the port before
  /// it returns. No handler, factory or listener is called during it or after it; channels still
  /// held do nothing. To end a session in order, close its channel and wait for onClosed first.
  void stop();

  struct State;

 private:
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace webpool::net

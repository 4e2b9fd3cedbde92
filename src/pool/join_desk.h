// The door for browsers of other machines: a second server, with TLS, that shows a page where a
// person agrees, gives each device a token of its own, and tells the pool who came, who pauses and
// who left. Apart from the pool's loopback server, so that nothing of that is ever in reach of the
// network.
#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/embedded_files.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "pool/join_content.h"
#include "pool/join_limiter.h"
#include "pool/join_link.h"
#include "pool/page_hub.h"
#include "webpool/join.h"

namespace webpool::pool {

struct DeskOptions {
  JoinOptions join = {};
  std::filesystem::path ownFolder = {};             ///< for a certificate of our own
  base::Duration grace = std::chrono::seconds(30);  ///< for a device to come back
  JoinLimits limits = {};
};

/// A device that somebody let join.
struct JoinedDevice {
  std::string label;    ///< "joined-1"; never used twice
  std::string session;  ///< of the desk's hub
  std::string peer;     ///< "address:port" that asked to join
  wire::Capabilities capabilities = {};
  bool accepting = true;  ///< false: its person paused it; send it nothing new
};

/// Called on the loop thread; may call the desk.
struct JoinEvents {
  std::function<void(const JoinedDevice&)> joined = {};  ///< its page is ready
  /// Paused or resumed by its person. What it runs, it finishes.
  std::function<void(const JoinedDevice&)> availability = {};
  std::function<void(const JoinedDevice&, const std::vector<std::string>& models,
                     const Error& cause)>
      modelsLost = {};
  /// So many answers came to requests that had theirs already.
  std::function<void(const JoinedDevice&, std::uint64_t count)> lateAnswers = {};
  /// Its page has something to say to another one.
  std::function<void(const JoinedDevice&, wire::Signal)> signal = {};
  /// For ever. Only after joined(). `dismissed`: in order, and before its session is closed, so
  /// that open requests can be taken elsewhere; else it was lost, and every request has its answer.
  std::function<void(const JoinedDevice&, const std::string& why, bool dismissed)> left = {};
  std::function<void()> linkExpired = {};
  /// What a person calls the model of that handle; without it, the handle.
  std::function<std::string(const std::string& handle)> modelName = {};
};

/// What the desk uses; all of it outlives the desk.
struct JoinSite {
  net::EventLoop& loop;
  const store::ContentStore& content;
  const net::EmbeddedFiles& page;
  base::RandomSource random;
  std::shared_ptr<spdlog::logger> log;
};

/// Everything on the loop thread, or while the loop does not run.
class JoinDesk {
 public:
  /// Errors of the certificate (net/tls_identity.h) and of listening (net/server.h).
  static Result<std::unique_ptr<JoinDesk>> open(const JoinSite& site, DeskOptions options,
                                                JoinEvents events);
  ~JoinDesk();
  JoinDesk(const JoinDesk&) = delete;
  JoinDesk& operator=(const JoinDesk&) = delete;

  /// "https://192.0.2.1:8443/join/#key=…": the key is in the fragment, which no server and no log
  /// sees. Another one after newLink().
  std::string link() const;
  /// "AB:CD:…" of the certificate; empty without TLS.
  std::string fingerprint() const;
  std::uint16_t port() const noexcept { return server_->port(); }

  /// The link lets nobody in any more; who has joined stays.
  void revokeLink();
  void newLink();

  /// The models that visitors are told of and that joined devices may fetch.
  Result<void> share(std::vector<SharedModel> models) { return content_.share(std::move(models)); }

  /// Requests to joined pages are submitted here, by JoinedDevice::session.
  PageHub& hub() noexcept { return *hub_; }
  std::vector<JoinedDevice> devices() const;

  /// Ends a device's session in order; `left` is called first.
  void dismiss(const std::string& session, const std::string& why);
  /// Ends all, lets nobody in any more, and calls `done` once the pages know it, or after a second.
  void close(std::function<void()> done);

 private:
  struct Device {
    JoinedDevice facts;
    bool ready = false;
  };
  using Devices = std::map<std::string, Device, std::less<>>;  ///< by its secret
  using Respond = std::function<void(net::Response)>;
  using Answer = void (JoinDesk::*)(const net::Request&, std::string_view word, const Respond&);

  JoinDesk(const JoinSite& site, DeskOptions options, JoinEvents events,
           std::shared_ptr<const net::TlsIdentity> identity);
  Result<void> listen(const std::vector<std::string>& hosts);
  void serve();
  /// POST of {"<field>": "…", …}; the field's text goes to `answer`.
  void post(const std::string& path, std::string field, Answer answer);
  bool mayFetch(const net::Headers& headers) const;
  void expireLater();

  void onOffer(const net::Request& request, std::string_view key, const Respond& respond);
  void onJoin(const net::Request& request, std::string_view key, const Respond& respond);
  void onState(const net::Request& request, std::string_view secret, const Respond& respond);
  void onAvailability(const net::Request& request, std::string_view secret, const Respond& respond);
  void onLeave(const net::Request& request, std::string_view secret, const Respond& respond);
  void onReady(const std::string& secret, const wire::Capabilities& capabilities);
  void onEnded(const std::string& secret, const std::optional<Error>& cause);
  void waitForPages(base::TimePoint until);

  JoinSite site_;
  DeskOptions options_;
  JoinEvents events_;
  std::shared_ptr<const net::TlsIdentity> identity_;
  JoinLink link_;
  JoinLimiter limiter_;
  JoinContent content_;
  std::string pass_;  ///< cookie of those who joined: lets them fetch and connect
  std::string host_;  ///< in the link, with brackets
  Devices devices_;
  unsigned lastNumber_ = 0;
  bool closing_ = false;
  std::function<void()> closed_;
  net::Timer expiry_;
  net::Timer closeTimer_;
  std::unique_ptr<PageHub> hub_;
  std::unique_ptr<net::Server> server_;  ///< last: ends before what its handlers use
};

}  // namespace webpool::pool

// A device that joined by the link. It came by itself, so it is never launched, and when it leaves
// that is for ever: it comes again as another one.
#pragma once

#include <functional>
#include <string>

#include "pool/connection.h"
#include "pool/join_desk.h"

namespace webpool::pool {

class JoinedConnection final : public Connection {
 public:
  /// Ends the device's session; left() follows before it returns, or has come already.
  using Dismiss = std::function<void(const std::string& session, const std::string& why)>;

  /// Its page is ready.
  JoinedConnection(ConnectionSite& site, PageHub& hub, std::uint64_t id, const JoinedDevice& device,
                   Dismiss dismiss);

  /// At once, with an error where the device has left.
  void whenReady(OnReady done) override;

  /// The device's session, while it has one.
  const std::string& session() const { return session_; }

  // What the desk is told of it.

  void setAccepting(bool accepting) { accepting_ = accepting; }
  void modelsLost(const std::vector<std::string>& handles, const Error& cause) {
    onModelsLost(handles, cause);
  }
  void lateAnswers(std::uint64_t count) { onLateAnswers(count); }
  void signalled(wire::Signal signal) { onSignal(std::move(signal)); }
  /// `dismissed`: its open requests have no answer yet, and are given back without blame.
  void left(const std::string& why, bool dismissed);

 private:
  void launch() override {}
  void waitForRelaunch() override {}
  void stop() override;
  void ended(const std::optional<Error>& cause) override;

  Dismiss dismiss_;
};

}  // namespace webpool::pool

#include "pool/joined_connection.h"

#include <utility>

#include "pool/convert.h"

namespace webpool::pool {
namespace {

/// Age and use are no reason to send a device away: its person would have to come again.
sched::LifeOptions joinedLife(sched::LifeOptions life) {
  life.joined = true;
  life.recycle.maxAge.reset();
  life.recycle.maxJobs.reset();
  return life;
}

}  // namespace

JoinedConnection::JoinedConnection(ConnectionSite& site, PageHub& hub, std::uint64_t id,
                                   const JoinedDevice& device, Dismiss dismiss)
    : Connection(site, hub, id, toPublic(device.capabilities, "", "").browser, device.label,
                 Trust::Joined),
      dismiss_(std::move(dismiss)) {
  session_ = device.session;
  address_ = device.peer;
  accepting_ = device.accepting;
  life_.emplace(joinedLife(site_.life), site_.loop.now());
  pageCame({toPublic(device.capabilities, "", ""), 0});
}

void JoinedConnection::whenReady(OnReady done) {
  if (isUp()) {
    done(facts());
  } else {
    done(std::unexpected(
        cause_.value_or(Error{ErrorCategory::WorkerLost, label() + " has left", "call again"})));
  }
}

void JoinedConnection::left(const std::string& why, bool dismissed) {
  incarnation_ = 0;
  session_.clear();  // the desk closes it
  leavePage();
  cause_ = Error{ErrorCategory::WorkerLost, label() + " has left: " + why, "call again"};
  if (dismissed) {
    tell([](auto& life, auto now) {
      life.endAsked(now);
      life.drained(now);
    });
  } else {
    tell([](auto& life, auto now) { life.heartbeatLost(now); });
  }
}

/// The life wants it gone (errors, failed health), or has heard that it is.
void JoinedConnection::stop() {
  if (!session_.empty()) {
    const auto session = session_;
    dismiss_(session, "this device no longer answers as it should");
  }
  tell([](auto& life, auto now) { life.stopped(now); });
}

void JoinedConnection::ended(const std::optional<Error>&) {}

}  // namespace webpool::pool

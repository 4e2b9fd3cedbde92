// The engine's calls about devices that join.
#include <utility>

#include "pool/engine.h"

namespace webpool::pool {

Result<void> Engine::openDesk(const JoinOptions& join) {
  const auto tellAll = [this](void (DeviceListener::*event)(const ConnectionRef&),
                              const ConnectionRef& device) {
    std::vector<std::weak_ptr<DeviceListener>> listeners;
    {
      const std::lock_guard lock(connectionsMutex_);
      std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
      listeners = listeners_;
    }
    for (const auto& weak : listeners) {
      if (const auto listener = weak.lock()) (listener.get()->*event)(device);
    }
  };
  auto joined = JoinedDevices::open({.common = connectionSite_,
                                     .content = models_->content(),
                                     .page = page_,
                                     .nextId = [this] { return nextConnection_++; },
                                     .came =
                                         [this, tellAll](const ConnectionRef& device) {
                                           {
                                             const std::lock_guard lock(connectionsMutex_);
                                             devices_.push_back(device);
                                           }
                                           tellAll(&DeviceListener::deviceCame, device);
                                         },
                                     .left =
                                         [this, tellAll](const ConnectionRef& device) {
                                           {
                                             const std::lock_guard lock(connectionsMutex_);
                                             std::erase(devices_, device);
                                           }
                                           tellAll(&DeviceListener::deviceLeft, device);
                                         },
                                     .tell = options_.onJoin},
                                    {.join = join, .ownFolder = options_.dataFolder / "join"});
  if (!joined) return std::unexpected(joined.error());
  joined_ = std::move(*joined);
  invitation_ = joined_->invitation();
  return {};
}

void Engine::closeDesk() {
  if (!invitation_) return;
  auto finished = std::make_shared<Pending<bool>>();
  loop_.post([this, finished] {
    joined_->close(closedError(), [this, finished] {
      joined_.reset();
      finished->set(true);
    });
  });
  (void)finished->wait({});
}

std::vector<ConnectionRef> Engine::devices() const {
  std::vector<ConnectionRef> found;
  const std::lock_guard lock(connectionsMutex_);
  for (const auto& device : devices_) {
    if (device->accepting() && device->incarnation() != 0) found.push_back(device);
  }
  return found;
}

void Engine::watchDevices(std::weak_ptr<DeviceListener> listener) {
  const std::lock_guard lock(connectionsMutex_);
  listeners_.push_back(std::move(listener));
}

Result<void> Engine::share(const std::shared_ptr<const ResolvedModel>& model) {
  if (!invitation_) return {};
  auto done = std::make_shared<Pending<bool>>();
  loop_.post([this, model, done] {
    auto shared = joined_ ? joined_->share(*model) : std::unexpected(closedError());
    done->set(shared ? Result<bool>(true) : std::unexpected(shared.error()));
  });
  const auto shared = done->wait({});
  if (!shared) return std::unexpected(shared.error());
  return {};
}

void Engine::unshare(const std::shared_ptr<const ResolvedModel>& model) {
  if (!invitation_) return;
  loop_.post([this, model] {
    if (joined_) joined_->unshare(*model);
  });
}

}  // namespace webpool::pool

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "bridge/adapter.h"
#include "bridge/pool.h"

namespace webpool {

struct EnhancedWebModel::State {
  State(std::shared_ptr<bridge::Pool> owner, bridge::Placed placed, HardwarePreferences preferences)
      : pool(std::move(owner)),
        info(std::move(placed.info)),
        ownBackend(std::move(placed.ownBackend)),
        adapter(std::move(placed.adapter)),
        asked(std::move(preferences)),
        preferredBrowser(std::move(placed.preferredBrowser)),
        fallback(std::move(placed.fallback)) {}

  std::shared_ptr<bridge::Pool> pool;
  ModelInfo info;
  std::optional<OwnBackend> ownBackend;
  std::unique_ptr<bridge::Adapter> adapter;
  HardwarePreferences asked;
  std::string preferredBrowser;
  std::string fallback;
  LoadTimings load{};
  std::atomic<std::size_t> maxBatch{16};
  mutable std::mutex mutex;
  WebModelStats stats;
  std::optional<WebModelResult> latest;  ///< that succeeded, and for which something ran

  /// What ran last, before that where it was loaded.
  RanOn ranOn() const {
    const std::lock_guard lock(mutex);
    return latest ? latest->ran : info.ranOn;
  }
  std::string platform() const {
    WebModelResult ran;
    ran.success = true;
    ran.ran = ranOn();
    ran.ownBackend = ownBackend;
    return ran.platform();
  }
};

}  // namespace webpool

#include "store/hold.h"

#include <algorithm>
#include <utility>

#include "store/content_store.h"
#include "store/index.h"
#include "store/staging.h"

namespace webpool::store {

Hold::Hold(ContentStore& store, std::unique_ptr<StagingFolder> folder)
    : store_(store), folder_(std::move(folder)) {}

Hold::~Hold() {
  // What is left is found dead as soon as the folder is gone. Most were never written.
  for (const auto& pin : pins_) (void)store_.unpin(pin);
}

Pin Hold::pin(const cid::Cid& root) {
  pins_.push_back({.kind = std::string(kHoldKind),
                   .name = root.normalized().text(),
                   .variant = folder_->path().filename().native(),
                   .cid = root});
  return pins_.back();
}

Result<std::unique_ptr<Hold>> ContentStore::beginHold() {
  auto folder = staging_->create();
  if (!folder) return std::unexpected(folder.error());
  return std::unique_ptr<Hold>(new Hold(*this, std::move(*folder)));
}

Result<std::vector<Pin>> ContentStore::deadHolds(Index& index) const {
  auto pins = index.pins(kHoldKind);
  if (pins) std::erase_if(*pins, [&](const Pin& pin) { return staging_->isHeld(pin.variant); });
  return pins;
}

Result<void> ContentStore::dropDeadHolds() {
  const auto dead = deadHolds(*writer_);
  if (!dead) return std::unexpected(dead.error());
  if (dead->empty()) return {};
  return writer_->write([&]() -> Result<void> {
    for (const auto& pin : *dead) {
      if (auto gone = writer_->erasePin(pin.kind, pin.name, pin.variant); !gone) {
        return std::unexpected(gone.error());
      }
    }
    return {};
  });
}

}  // namespace webpool::store

#include "browsers/profile_store.h"

#include <unistd.h>

#include <charconv>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "browsers/profile_sweep.h"

namespace webpool::browsers {
namespace {

constexpr unsigned kMostSlots = 256;
constexpr unsigned kTries = 8;  // another's clean() may remove a folder under our hands

using IfMissing = FolderLock::IfMissing;

}  // namespace

Slot& Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    release();
    folder_ = std::move(other.folder_);
    lock_ = std::move(other.lock_);
    ephemeral_ = std::exchange(other.ephemeral_, false);
  }
  return *this;
}

Slot::Slot(Slot&& other) noexcept
    : folder_(std::move(other.folder_)),
      lock_(std::move(other.lock_)),
      ephemeral_(std::exchange(other.ephemeral_, false)) {}

Slot::~Slot() {
  release();
}

void Slot::release() noexcept {
  if (!ephemeral_) return;
  ephemeral_ = false;
  // What can't be removed now is removed by the next sweep.
  if (const auto removed = removeLockedFolder(folder_); !removed) return;
  ::rmdir(folder_.parent_path().c_str());  // goes only when empty
}

std::uint16_t Slot::port() const {
  const auto text = base::readFile(folder_ / "port", 64);
  if (!text) return 0;
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), port);
  return parsed.ec == std::errc() ? port : std::uint16_t{0};
}

Result<void> Slot::rememberPort(std::uint16_t port) {
  return base::writeFileAtomically(folder_ / "port", fmt::format("{}\n", port), 0600);
}

Result<BrowserFolder> Slot::browserFolder(std::string_view browserName, unsigned k) {
  BrowserFolder folder{folder_ / fmt::format("{}-{}", browserName, k), !ephemeral_};
  for (const auto& path : {folder.profile(), folder.home(), folder.runtime(), folder.temporary()}) {
    if (auto made = base::makeFolders(path); !made) return std::unexpected(made.error());
  }
  return folder;
}

ProfileStore::ProfileStore(std::filesystem::path cache, base::RandomSource random)
    : random_(std::move(random)) {
  // A browser's working directory is its own folder, so its paths must not depend on ours.
  std::error_code error;
  cache_ = std::filesystem::absolute(cache, error);
  if (error) cache_ = std::move(cache);
}

Result<Slot> ProfileStore::acquire(const AcquireOptions& options) {
  auto slot = options.ephemeral ? acquireEphemeral() : acquireSlot();
  if (!slot && slot.error().category != ErrorCategory::Busy) {
    if (slot.error().category == ErrorCategory::NotFound) {
      slot.error().category = ErrorCategory::Storage;
    }
    slot.error().hint = "choose another cache folder with WEBPOOL_CACHE_DIR";
  }
  return slot;
}

Result<Slot> ProfileStore::acquireSlot() {
  unsigned tries = 0;
  for (unsigned number = 0; number < kMostSlots;) {
    const auto folder = cache_ / "slots" / fmt::format("{}", number);
    auto made = base::makeFolders(folder);
    auto lock = made ? FolderLock::tryAcquire(folder, IfMissing::Create)
                     : Result<FolderLock>(std::unexpected(made.error()));
    if (lock) {
      // A slot whose old browser can't be ended is left to whoever can.
      if (sweepLockedFolder(folder)) return Slot(folder, std::move(*lock), false);
    } else if (lock.error().category != ErrorCategory::Busy) {
      if (++tries == kTries) return std::unexpected(lock.error());
      continue;
    }
    ++number;
  }
  return fail(ErrorCategory::Busy,
              fmt::format("all {} browser slots in {} are in use", kMostSlots, cache_.native()),
              "stop some of the running webpool processes");
}

Result<Slot> ProfileStore::acquireEphemeral() {
  Error last;
  for (unsigned i = 0; i < kTries; ++i) {
    constexpr std::size_t kRandomBytes = 4;
    const auto folder = cache_ / "ephemeral" /
                        fmt::format("{}-{}", ::getpid(), base::randomHex(random_, kRandomBytes));
    auto made = base::makeFolders(folder);
    auto lock = made ? FolderLock::tryAcquire(folder, IfMissing::Create)
                     : Result<FolderLock>(std::unexpected(made.error()));
    if (lock) return Slot(folder, std::move(*lock), true);
    last = lock.error();
  }
  return std::unexpected(last);
}

SweepReport ProfileStore::sweep() {
  return sweepProfiles(cache_);
}

CleanReport ProfileStore::clean() {
  return cleanProfiles(cache_);
}

}  // namespace webpool::browsers

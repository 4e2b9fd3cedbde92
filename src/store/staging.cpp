#include "store/staging.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include <fmt/format.h>

namespace webpool::store {
namespace {

constexpr auto kLockName = "lock";
// Held while a staging folder is made and locked, and while the dead ones are looked for: a folder
// is never seen between the two steps.
constexpr auto kAreaLockName = ".lock";
constexpr std::chrono::milliseconds kPollInterval{50};
constexpr std::string_view kKeptPrefix = "kept-";
constexpr std::chrono::hours kKeptFor{24 * 7};

/// Whether nobody used a kept folder for long.
bool isOld(const std::filesystem::path& folder) {
  std::error_code failure;
  const auto touched = std::filesystem::last_write_time(folder / kLockName, failure);
  return !failure && std::filesystem::file_time_type::clock::now() - touched > kKeptFor;
}

/// Of all files below.
std::uint64_t bytesBelow(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failure)) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      bytes += static_cast<std::uint64_t>(status.st_size);
    }
  }
  return bytes;
}

}  // namespace

Result<base::FileLock> waitForLock(const std::filesystem::path& path, const std::stop_token& stop,
                                   const std::function<void()>& onWait) {
  for (bool first = true;; first = false) {
    auto lock = base::FileLock::tryAcquire(path);
    if (lock || lock.error().category != ErrorCategory::Busy) return lock;
    if (first && onWait) onWait();
    if (stop.stop_requested()) {
      return fail(ErrorCategory::Cancelled, "cancelled while waiting for another process");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

StagingFolder::~StagingFolder() {
  if (kept_) return;
  std::error_code ignored;  // the next sweep tries again
  std::filesystem::remove_all(path_, ignored);
}

Result<std::unique_ptr<StagingFolder>> StagingArea::create() {
  auto areaLock = waitForLock(folder_ / kAreaLockName, {});
  if (!areaLock) return std::unexpected(areaLock.error());
  const auto path = folder_ / base::randomHex(random_, 8);
  if (::mkdir(path.c_str(), 0700) != 0) {
    return std::unexpected(base::fileError("can't create folder", path, errno));
  }
  auto lock = base::FileLock::tryAcquire(path / kLockName);
  if (!lock) return std::unexpected(lock.error());
  return std::make_unique<StagingFolder>(path, std::move(*lock));
}

Result<std::unique_ptr<StagingFolder>> StagingArea::openKept(std::string_view name) {
  auto areaLock = waitForLock(folder_ / kAreaLockName, {});
  if (!areaLock) return std::unexpected(areaLock.error());
  const auto path = folder_ / fmt::format("{}{}", kKeptPrefix, name);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(base::fileError("can't create folder", path, errno));
  }
  auto lock = base::FileLock::tryAcquire(path / kLockName);
  if (!lock) return std::unexpected(lock.error());
  std::error_code ignored;
  std::filesystem::last_write_time(path / kLockName, std::filesystem::file_time_type::clock::now(),
                                   ignored);
  return std::make_unique<StagingFolder>(path, std::move(*lock));
}

bool StagingArea::isHeld(const std::string& name) const {
  const auto lock = base::FileLock::tryAcquire(folder_ / name / kLockName);
  return !lock && lock.error().category == ErrorCategory::Busy;
}

Result<std::uint64_t> StagingArea::keptBytes() const {
  auto areaLock = waitForLock(folder_ / kAreaLockName, {});
  if (!areaLock) return std::unexpected(areaLock.error());
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failure)) {
    const auto name = entry.path().filename().native();
    if (name.starts_with(kKeptPrefix) && !isHeld(name)) bytes += bytesBelow(entry.path());
  }
  return bytes;
}

Result<void> StagingArea::sweep(bool alsoKept) {
  auto areaLock = waitForLock(folder_ / kAreaLockName, {});
  if (!areaLock) return std::unexpected(areaLock.error());
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failure)) {
    if (!entry.is_directory(failure)) continue;
    const bool kept = entry.path().filename().native().starts_with(kKeptPrefix);
    if (kept && !alsoKept && !isOld(entry.path())) continue;
    auto lock = base::FileLock::tryAcquire(entry.path() / kLockName);
    if (!lock && lock.error().category == ErrorCategory::Busy) continue;
    std::error_code ignored;
    std::filesystem::remove_all(entry.path(), ignored);
  }
  return {};
}

}  // namespace webpool::store

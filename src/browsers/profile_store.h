// The folders that browsers run in. A slot, <cache>/slots/<n>/, belongs to one webpool process at a
// time and is used again by the next: its port, its browsers' profiles and so their OPFS survive.
// An ephemeral folder, <cache>/ephemeral/<pid>-<random>/, is removed at the end.
//   <folder>/lock                 held (flock) while a process uses the folder
//   <folder>/port                 the page's origin port
//   <folder>/<browser>-<k>/       one browser: profile/ home/ run/ tmp/ browser.log browser.json
// The lock, not the pid, says who is alive: it is gone with its process, however that ended.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/random.h"
#include "browsers/folder_lock.h"
#include "browsers/launch_options.h"
#include "browsers/profile_sweep.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// A held folder. Destroying it frees the slot, or removes the ephemeral folder: stop the browsers
/// before. Not thread-safe.
class Slot {
 public:
  Slot(Slot&& other) noexcept;
  Slot& operator=(Slot&& other) noexcept;
  ~Slot();

  const std::filesystem::path& folder() const noexcept { return folder_; }
  bool ephemeral() const noexcept { return ephemeral_; }

  /// The port that the page was served from last time; 0 when there is none.
  std::uint16_t port() const;
  Result<void> rememberPort(std::uint16_t port);

  /// The folder of the slot's k-th browser of that name, made if missing.
  Result<BrowserFolder> browserFolder(std::string_view browserName, unsigned k);

 private:
  friend class ProfileStore;
  Slot(std::filesystem::path folder, FolderLock lock, bool ephemeral)
      : folder_(std::move(folder)), lock_(std::move(lock)), ephemeral_(ephemeral) {}
  void release() noexcept;

  std::filesystem::path folder_;
  FolderLock lock_;
  bool ephemeral_ = false;
};

struct AcquireOptions {
  bool ephemeral = false;  ///< a new folder that is removed at the end
};

/// Safe to use from several processes and threads at once on one cache folder.
class ProfileStore {
 public:
  /// Creates nothing yet.
  ProfileStore(std::filesystem::path cache, base::RandomSource random);

  /// The first slot that no process holds, or a new ephemeral folder. What a dead run left in that
  /// slot is ended first. Storage when the folder can't be made or written.
  Result<Slot> acquire(const AcquireOptions& options = {});

  /// Call once at start: ends every browser whose webpool died and removes its ephemeral folder.
  /// Never touches what a live process holds. Blocks until the processes are gone (about 0.1 s
  /// when there are any, else milliseconds).
  SweepReport sweep();

  /// `webpool clean`: removes every slot and ephemeral folder that no live process holds.
  CleanReport clean();

 private:
  Result<Slot> acquireSlot();
  Result<Slot> acquireEphemeral();

  std::filesystem::path cache_;
  base::RandomSource random_;
};

}  // namespace webpool::browsers

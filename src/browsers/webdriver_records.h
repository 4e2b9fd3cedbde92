// Which sessions webpool holds at WebDriver remote ends, on the disk: nothing ends a browser of
// another machine when this program is killed, so the next one does.
//   <folder>/<pid>-<random>/lock           held (flock) while its webpool lives
//   <folder>/<pid>-<random>/session.json   {"remote": …, "session": …}, for this user only
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_client.h"
#include "base/random.h"
#include "browsers/folder_lock.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// A session that is recorded. Destroying it leaves the record to the next sweep; forget() it when
/// the session has ended. Not thread-safe.
class WebDriverRecord {
 public:
  /// Storage when the folder can't be written.
  static Result<WebDriverRecord> write(const std::filesystem::path& folder,
                                       const base::RandomSource& random, std::string_view remote,
                                       std::string_view session);

  void forget() noexcept;

 private:
  WebDriverRecord(std::filesystem::path folder, FolderLock lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  FolderLock lock_;
};

struct WebDriverSweep {
  struct Left {
    std::string remote;
    Error error;
  };
  std::vector<std::string> ended;  ///< remote ends, one for each session that was ended
  std::vector<Left> left;          ///< tried again by the next sweep
};

/// There may be something to sweep.
bool hasWebDriverRecords(const std::filesystem::path& folder);

/// Ends every session whose webpool died, and forgets those that are older than a day: drivers and
/// machines are restarted. Blocks while the remote ends answer, or until `stop`. Safe while others
/// do the same.
WebDriverSweep sweepWebDriverSessions(base::HttpClient& http, const std::filesystem::path& folder,
                                      std::chrono::system_clock::time_point now,
                                      const std::stop_token& stop);

}  // namespace webpool::browsers

// Which processes belong to a browser, told from /proc. Chromium's processes overwrite their
// environment with their title, and some (crash handlers) leave the browser's session: so a process
// is the browser's when its environment has the marker, or it is in the session that the browser
// leads, or its command line names the profile of one that we hold, or it descends from one that
// is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace webpool::browsers {

struct ProcessEntry {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  std::uint64_t startTime = 0;  ///< clock ticks since boot
  bool ended = false;           ///< its first thread is a zombie; others may still be ending
  std::string commandLine;      ///< arguments separated by NUL or, after a title change, by spaces
  std::string environment;      ///< NUL-separated; empty where it may not be read
};

/// nullopt when there is no such process. Command line and environment are left empty.
std::optional<ProcessEntry> readProcess(pid_t pid);

/// Every process that can be seen.
std::vector<ProcessEntry> readProcessTable();

/// What names one launch of a browser.
struct BrowserIdentity {
  std::string marker;           ///< value of WEBPOOL_BROWSER, unique to this launch
  std::string profileArgument;  ///< an argument that only this profile's processes have; may be ""
  pid_t pid = 0;                ///< of the main process, which leads its session; 0 when unknown
  std::uint64_t startTime = 0;
  bool pidIsHeld = false;  ///< the main process is our child and not reaped: no other can have pid
};

/// The processes of that browser, also those that ended and are not reaped. A process that merely
/// has the same number is never one.
std::vector<ProcessEntry> processesOf(const BrowserIdentity& identity,
                                      const std::vector<ProcessEntry>& table);

/// "WEBPOOL_BROWSER=<marker>"
std::string markerVariable(std::string_view marker);

}  // namespace webpool::browsers

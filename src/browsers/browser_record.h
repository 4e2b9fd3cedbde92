// <browser folder>/browser.json: what the next webpool needs to end a browser whose owner died.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "browsers/launch_options.h"
#include "browsers/process_table.h"
#include "webpool/error.h"

namespace webpool::browsers {

struct BrowserRecord {
  std::string name;             ///< of the browser's kind
  std::string marker;           ///< see BrowserIdentity
  std::string profileArgument;  ///< see BrowserIdentity
  pid_t pid = 0;                ///< 0 while it is being started
  std::uint64_t startTime = 0;
  pid_t owner = 0;  ///< the webpool that started it; for people who look
  std::uint64_t ownerStartTime = 0;
};

/// Atomic: a reader sees a whole record, also after a crash.
Result<void> writeRecord(const BrowserFolder& folder, const BrowserRecord& record);

/// nullopt when there is none or it can't be understood.
std::optional<BrowserRecord> readRecord(const BrowserFolder& folder);

void removeRecord(const BrowserFolder& folder) noexcept;

/// The identity to end it by. `pidIsHeld` is left false.
BrowserIdentity identityOf(const BrowserRecord& record);

}  // namespace webpool::browsers

// Ends and removes what a dead run left in the profile folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "webpool/error.h"

namespace webpool::browsers {

struct SweepReport {
  unsigned processesEnded = 0;
  unsigned foldersRemoved = 0;
  std::vector<std::string> problems;  ///< what could not be swept, one sentence each
};

struct CleanReport {
  std::uint64_t bytesFreed = 0;
  unsigned foldersRemoved = 0;
  std::vector<std::filesystem::path> busy;  ///< folders left because a live process holds them
  std::vector<std::string> problems;
};

/// Ends the browsers recorded in a folder whose lock the caller holds; returns how many processes
/// there were. Internal when one is left.
Result<unsigned> sweepLockedFolder(const std::filesystem::path& folder);

SweepReport sweepProfiles(const std::filesystem::path& cache);
CleanReport cleanProfiles(const std::filesystem::path& cache);

}  // namespace webpool::browsers

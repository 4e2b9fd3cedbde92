// Gets files out of packages through the ordinary client of their registry (npm, mvn, pip), which
// knows the user's mirrors, proxies and credentials. No registry's address is known here.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cid/cid.h"
#include "store/catalogue.h"
#include "store/progress.h"

namespace webpool::store {

struct FetchedFile {
  std::string member;
  std::filesystem::path path;  ///< a regular file
  bool temporary = true;       ///< lies in the folder that was given; else it belongs to the user
};

class PackageFetcher {
 public:
  virtual ~PackageFetcher() = default;

  /// Brings those members into `folder`, an empty folder of the caller's, who deletes it. Blocks.
  /// Fetch when the client is missing (the hint says how to install it), fails, or the package has
  /// no such member; Integrity when the package's own checksum does not match; Timeout; Cancelled.
  virtual Result<std::vector<FetchedFile>> fetch(const SourcePackage& package,
                                                 const std::vector<std::string>& members,
                                                 const std::filesystem::path& folder,
                                                 const JobOptions& options) = 0;
};

/// Brings single files by their CIDs, from whoever has them.
class FileFetcher {
 public:
  virtual ~FileFetcher() = default;

  /// Writes the file to `target`, which does not exist. Blocks. NotFound, Fetch, Timeout and
  /// Integrity where nobody gave it right, Unsupported for another layout than the store's;
  /// NoSpace, Storage, Cancelled.
  virtual Result<void> fetch(const cid::Cid& file, const std::filesystem::path& target,
                             const JobOptions& options) = 0;
};

/// npm, Maven, PyPI and folders. `timeout` bounds one client's run.
std::unique_ptr<PackageFetcher> systemPackageFetcher(
    base::Duration timeout = std::chrono::minutes(30));

}  // namespace webpool::store

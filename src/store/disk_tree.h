// What lies below a folder of the disk, as an import sees it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/import_options.h"
#include "webpool/error.h"

namespace webpool::store {

struct DiskTree {
  struct File {
    std::string treePath;  ///< '/' between parts
    std::filesystem::path source;
  };
  struct Link {
    std::string treePath;
    std::string target;
  };
  std::vector<File> files;
  std::vector<Link> links;
  std::vector<std::string> emptyFolders;
  std::uint64_t bytes = 0;  ///< of all files, as they were when they were listed
};

/// By name, in bytewise order. InvalidArgument names what is neither file nor folder, and a link to
/// a folder where links are followed.
Result<DiskTree> walkFolder(const std::filesystem::path& folder, const ImportOptions& options);

}  // namespace webpool::store

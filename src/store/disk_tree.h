// What lies below a folder of the disk, as an import sees it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
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
Result<DiskTree> walkFolder(const std::filesystem::path& folder, const ImportOptions& options,
                            const std::stop_token& stop = {});

/// What is to be imported by that path: absolute, through links. InvalidArgument by its name for
/// what is neither a file nor a folder.
struct DiskRoot {
  std::filesystem::path path;
  bool folder = false;
};
Result<DiskRoot> findRoot(const std::filesystem::path& path);

}  // namespace webpool::store

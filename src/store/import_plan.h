// What an import would bring: CIDs and sizes, with nothing stored.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/content_entry.h"
#include "store/content_store.h"

namespace webpool::store {

struct ImportPlan {
  struct Entry {
    std::string path;  ///< below the root; empty for the root
    cid::Cid cid;
    ContentKind kind = ContentKind::File;
    std::uint64_t size = 0;  ///< a file's bytes, a link's length; a folder: of its blocks
  };
  Imported imported;
  std::vector<Entry> entries;  ///< the root is the last
};

/// Hashes what ContentStore::importPath() would take, with the same outcome. Touches no store.
Result<ImportPlan> planImport(const std::filesystem::path& path, const JobOptions& options = {},
                              const ImportOptions& how = {});

}  // namespace webpool::store

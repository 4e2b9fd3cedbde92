// Files and folders of the disk as an import: ImportSession::addFolder, ContentStore::importPath.
#include <system_error>

#include "store/content_store.h"
#include "store/disk_tree.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

ImportSession::Take takeOf(const ImportOptions& how) {
  return how.hardLink ? ImportSession::Take::Link : ImportSession::Take::Copy;
}

}  // namespace

Result<void> ImportSession::addFolder(const fs::path& folder, const JobOptions& options,
                                      const ImportOptions& how) {
  const auto found = walkFolder(folder, how, options.stop);
  if (!found) return std::unexpected(found.error());
  for (const auto& empty : found->emptyFolders) {
    if (auto added = addEmptyFolder(empty); !added) return added;
  }
  for (const auto& link : found->links) {
    if (auto added = addLink(link.treePath, link.target); !added) return added;
  }
  std::uint64_t done = 0;
  for (const auto& file : found->files) {
    auto added = addFile({file.treePath, file.source, std::nullopt, {}, takeOf(how)}, options, done,
                         found->bytes);
    if (!added) return std::unexpected(added.error());
    done += added->size;
  }
  return {};
}

Result<Imported> ContentStore::importPath(const fs::path& path, const JobOptions& options,
                                          const ImportOptions& how) {
  const auto root = findRoot(path);
  if (!root) return std::unexpected(root.error());
  const auto& absolute = root->path;
  auto session = beginImport(how.resume ? absolute.native() : std::string());
  if (!session) return std::unexpected(session.error());
  if (root->folder) {
    auto added = (*session)->addFolder(absolute, options, how);
    if (!added) return std::unexpected(added.error());
  } else {
    std::error_code none;
    const auto size = fs::file_size(absolute, none);
    auto added = (*session)->addFile({"", absolute, std::nullopt, {}, takeOf(how)}, options, 0,
                                     none ? 0 : size);
    if (!added) return std::unexpected(added.error());
  }
  return (*session)->commit({"import", absolute.native(), "", {}, 0}, std::nullopt, options);
}

}  // namespace webpool::store

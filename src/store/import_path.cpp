// Files and folders of the disk as an import: ImportSession::addFolder, ContentStore::importPath.
#include <system_error>

#include <fmt/format.h>

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
  const auto found = walkFolder(folder, how);
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
  std::error_code failure;
  const auto absolute = fs::weakly_canonical(fs::absolute(path, failure), failure);
  if (failure) return std::unexpected(base::fileError("can't find", path, failure.value()));
  const auto status = fs::status(absolute, failure);
  if (failure) return std::unexpected(base::fileError("can't import", path, failure.value()));
  auto session = beginImport(how.resume ? absolute.native() : std::string());
  if (!session) return std::unexpected(session.error());
  if (fs::is_directory(status)) {
    auto added = (*session)->addFolder(absolute, options, how);
    if (!added) return std::unexpected(added.error());
  } else {
    const auto size = fs::is_regular_file(status) ? fs::file_size(absolute, failure) : 0;
    auto added =
        (*session)->addFile({"", absolute, std::nullopt, {}, takeOf(how)}, options, 0, size);
    if (!added) return std::unexpected(added.error());
  }
  return (*session)->commit({"import", absolute.native(), "", {}, 0});
}

}  // namespace webpool::store

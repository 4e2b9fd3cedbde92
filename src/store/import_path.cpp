// Files and folders of the disk as an import: ImportSession::addFolder, ContentStore::importPath.
#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "store/content_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 64;

struct Found {
  std::vector<ImportSession::Item> files;
  std::vector<std::string> emptyFolders;
  std::uint64_t bytes = 0;
};

Result<void> walk(const fs::path& folder, const std::string& treePath, int depth, Found& found) {
  if (depth > kMaxDepth) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is deeper than {} folders", folder.native(), kMaxDepth));
  }
  std::error_code failure;
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    auto name = entry.path().filename();
    if (!name.native().starts_with('.')) names.push_back(std::move(name));
  }
  if (failure) return std::unexpected(base::fileError("can't list", folder, failure.value()));
  std::ranges::sort(names);
  if (names.empty() && !treePath.empty()) found.emptyFolders.push_back(treePath);
  for (const auto& name : names) {
    const auto path = folder / name;
    auto inTree = treePath.empty() ? name.native() : treePath + "/" + name.native();
    const auto status = fs::status(path, failure);  // follows links
    if (failure) return std::unexpected(base::fileError("can't look at", path, failure.value()));
    if (fs::is_regular_file(status)) {
      found.bytes += fs::file_size(path, failure);
      found.files.push_back({std::move(inTree), path, std::nullopt, {}, {}});
    } else if (!fs::is_directory(status)) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is neither a file nor a folder", path.native()),
                  "remove it from the folder");
    } else if (fs::is_symlink(fs::symlink_status(path, failure))) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is a symbolic link to a folder", path.native()),
                  "import the folder it points to, or copy that here");
    } else if (auto walked = walk(path, inTree, depth + 1, found); !walked) {
      return walked;
    }
  }
  return {};
}

}  // namespace

Result<void> ImportSession::addFolder(const fs::path& folder, const JobOptions& options) {
  Found found;
  if (auto walked = walk(folder, "", 0, found); !walked) return walked;
  for (const auto& empty : found.emptyFolders) {
    if (auto added = addEmptyFolder(empty); !added) return added;
  }
  std::uint64_t done = 0;
  for (const auto& item : found.files) {
    auto added = addFile(item, options, done, found.bytes);
    if (!added) return std::unexpected(added.error());
    done += added->size;
  }
  return {};
}

Result<Imported> ContentStore::importPath(const fs::path& path, const JobOptions& options) {
  std::error_code failure;
  const auto absolute = fs::weakly_canonical(fs::absolute(path, failure), failure);
  if (failure) return std::unexpected(base::fileError("can't find", path, failure.value()));
  const auto status = fs::status(absolute, failure);
  if (failure) return std::unexpected(base::fileError("can't import", path, failure.value()));
  auto session = beginImport();
  if (!session) return std::unexpected(session.error());
  if (fs::is_directory(status)) {
    auto added = (*session)->addFolder(absolute, options);
    if (!added) return std::unexpected(added.error());
  } else {
    const auto size = fs::is_regular_file(status) ? fs::file_size(absolute, failure) : 0;
    auto added = (*session)->addFile({"", absolute, std::nullopt, {}, {}}, options, 0, size);
    if (!added) return std::unexpected(added.error());
  }
  return (*session)->commit({"import", absolute.native(), "", {}, 0});
}

}  // namespace webpool::store

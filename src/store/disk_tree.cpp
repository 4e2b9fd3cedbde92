#include "store/disk_tree.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 100;

class Walk {
 public:
  Walk(const ImportOptions& options, DiskTree& tree) : options_(options), tree_(tree) {}

  Result<void> folder(const fs::path& folder, const std::string& treePath, int depth) {
    if (depth > kMaxDepth) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is deeper than {} folders", folder.native(), kMaxDepth));
    }
    auto names = namesIn(folder);
    if (!names) return std::unexpected(names.error());
    if (names->empty() && !treePath.empty()) tree_.emptyFolders.push_back(treePath);
    for (const auto& name : *names) {
      auto inTree = treePath.empty() ? name : treePath + "/" + name;
      if (auto added = entry(folder / name, std::move(inTree), depth); !added) return added;
    }
    return {};
  }

 private:
  Result<std::vector<std::string>> namesIn(const fs::path& folder) const {
    std::error_code failure;
    std::vector<std::string> names;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure)) {
      auto name = at->path().filename().native();
      if (options_.hidden || !name.starts_with('.')) names.push_back(std::move(name));
    }
    if (failure) return std::unexpected(base::fileError("can't list", folder, failure.value()));
    std::ranges::sort(names);
    return names;
  }

  Result<void> entry(const fs::path& path, std::string treePath, int depth) {
    std::error_code failure;
    const auto itself = fs::symlink_status(path, failure);
    if (failure) return std::unexpected(base::fileError("can't look at", path, failure.value()));
    if (fs::is_symlink(itself) && options_.links == ImportOptions::Links::Keep) {
      auto target = fs::read_symlink(path, failure);
      if (failure) return std::unexpected(base::fileError("can't read", path, failure.value()));
      tree_.links.push_back({std::move(treePath), target.native()});
      return {};
    }
    const auto status = fs::status(path, failure);
    if (failure) return std::unexpected(base::fileError("can't look at", path, failure.value()));
    if (fs::is_regular_file(status)) {
      const auto size = fs::file_size(path, failure);
      if (!failure) tree_.bytes += size;
      tree_.files.push_back({std::move(treePath), path});
      return {};
    }
    if (!fs::is_directory(status)) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is neither a file nor a folder", path.native()),
                  "remove it from the folder");
    }
    if (fs::is_symlink(itself)) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is a symbolic link to a folder", path.native()),
                  "import the folder it points to, or copy that here");
    }
    return folder(path, treePath, depth + 1);
  }

  const ImportOptions& options_;
  DiskTree& tree_;
};

}  // namespace

Result<DiskTree> walkFolder(const fs::path& folder, const ImportOptions& options) {
  DiskTree tree;
  if (auto walked = Walk(options, tree).folder(folder, "", 0); !walked) {
    return std::unexpected(walked.error());
  }
  return tree;
}

}  // namespace webpool::store

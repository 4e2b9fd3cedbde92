#include "store/disk_tree.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "base/file.h"
#include "store/tree_limits.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  Walk(const ImportOptions& options, DiskTree& tree, const std::stop_token& stop)
      : options_(options), tree_(tree), stop_(stop) {}

  Result<void> folder(const fs::path& folder, const std::string& treePath, unsigned level) {
    if (stop_.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    auto names = namesIn(folder);
    if (!names) return std::unexpected(names.error());
    if (names->empty() && !treePath.empty()) tree_.emptyFolders.push_back(treePath);
    for (const auto& name : *names) {
      auto inTree = treePath.empty() ? name : treePath + "/" + name;
      if (auto added = entry(folder / name, std::move(inTree), level + 1); !added) return added;
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

  Result<void> entry(const fs::path& path, std::string treePath, unsigned level) {
    if (level > kMostLevels) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is deeper than {} levels", path.native(), kMostLevels),
                  "add a folder below it on its own");
    }
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
    return folder(path, treePath, level);
  }

  const ImportOptions& options_;
  DiskTree& tree_;
  const std::stop_token& stop_;
};

}  // namespace

Result<DiskTree> walkFolder(const fs::path& folder, const ImportOptions& options,
                            const std::stop_token& stop) {
  DiskTree tree;
  if (auto walked = Walk(options, tree, stop).folder(folder, "", 0); !walked) {
    return std::unexpected(walked.error());
  }
  return tree;
}

Result<DiskRoot> findRoot(const fs::path& path) {
  if (path.empty()) {
    return fail(ErrorCategory::InvalidArgument, "the path to import is empty",
                "give a file or a folder");
  }
  std::error_code failure;
  auto absolute = fs::weakly_canonical(fs::absolute(path, failure), failure);
  if (failure) return std::unexpected(base::fileError("can't find", path, failure.value()));
  const auto status = fs::status(absolute, failure);
  if (failure) return std::unexpected(base::fileError("can't import", path, failure.value()));
  if (fs::is_directory(status)) return DiskRoot{std::move(absolute), true};
  if (fs::is_regular_file(status)) return DiskRoot{std::move(absolute), false};
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("{} is neither a file nor a folder", path.native()),
              "import files or folders");
}

}  // namespace webpool::store

#include "store/folder_builder.h"

#include <algorithm>

#include <fmt/format.h>

#include "store/tree_limits.h"

namespace webpool::store {
namespace {

std::unexpected<Error> taken(std::string_view path) {
  return fail(ErrorCategory::InvalidArgument, fmt::format("two entries are named \"{}\"", path));
}

Result<void> checkPath(std::string_view path) {
  const auto original = path;
  if (std::ranges::count(path, '/') >= static_cast<std::ptrdiff_t>(kMostLevels)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("\"{}\" is deeper than {} levels", original, kMostLevels));
  }
  while (true) {
    const auto end = path.find('/');
    const auto part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("\"{}\" is no path inside a folder", original),
                  "use names separated by '/'");
    }
    if (end == std::string_view::npos) return {};
    path.remove_prefix(end + 1);
  }
}

}  // namespace

Result<FolderBuilder::Folder*> FolderBuilder::folderAt(std::string_view path) {
  auto* folder = &root_;
  while (!path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (folder->files.contains(name)) return taken(name);
    folder = &folder->folders[name];
  }
  return folder;
}

Result<void> FolderBuilder::addFile(std::string_view path, const cid::Cid& cid,
                                    std::uint64_t dagSize) {
  if (auto checked = checkPath(path); !checked) return checked;
  const auto slash = path.rfind('/');
  const bool nested = slash != std::string_view::npos;
  auto folder = folderAt(nested ? path.substr(0, slash) : std::string_view());
  if (!folder) return std::unexpected(folder.error());
  const std::string name(nested ? path.substr(slash + 1) : path);
  if ((*folder)->folders.contains(name) ||
      !(*folder)->files.emplace(name, cid::Link{cid, name, dagSize}).second) {
    return taken(path);
  }
  return {};
}

Result<void> FolderBuilder::addFolder(std::string_view path) {
  if (auto checked = checkPath(path); !checked) return checked;
  auto folder = folderAt(path);
  if (!folder) return std::unexpected(folder.error());
  return {};
}

Result<cid::Link> FolderBuilder::buildFolder(const Folder& folder, std::string name,
                                             const std::string& path,
                                             std::vector<BuiltFolder>& out) {
  std::vector<cid::Link> entries;
  for (const auto& [childName, child] : folder.folders) {
    auto link =
        buildFolder(child, childName, path.empty() ? childName : path + "/" + childName, out);
    if (!link) return link;
    entries.push_back(std::move(*link));
  }
  for (const auto& [fileName, link] : folder.files) entries.push_back(link);
  auto tree = cid::buildFolder(std::move(entries));
  if (!tree) return std::unexpected(tree.error());
  out.push_back({path, std::move(*tree)});
  const auto& built = out.back().tree;
  return cid::Link{built.root, std::move(name), built.dagSize};
}

Result<std::vector<BuiltFolder>> FolderBuilder::build() const {
  std::vector<BuiltFolder> directories;
  auto root = buildFolder(root_, "", "", directories);
  if (!root) return std::unexpected(root.error());
  return directories;
}

}  // namespace webpool::store

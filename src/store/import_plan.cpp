#include "store/import_plan.h"

#include <system_error>

#include "cid/unixfs.h"
#include "store/disk_tree.h"
#include "store/folder_builder.h"
#include "store/ingest.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

class Planner {
 public:
  Planner(const JobOptions& options, std::uint64_t total) : options_(options), total_(total) {}

  Result<void> addFile(const std::string& treePath, const fs::path& source) {
    const auto report = [&](std::uint64_t done) {
      if (!options_.progress) return;
      options_.progress({Progress::Phase::Import, treePath, plan_.imported.bytes + done, total_});
    };
    const auto hashed = hashFile(source, report, options_.stop);
    if (!hashed) return std::unexpected(hashed.error());
    const auto tree = cid::buildFileTree(hashed->leaves, hashed->size);
    if (!tree) return std::unexpected(tree.error());
    plan_.imported.root = tree->root;
    plan_.imported.bytes += hashed->size;
    ++plan_.imported.files;
    plan_.entries.push_back({treePath, tree->root, ContentKind::File, hashed->size});
    if (treePath.empty()) return {};
    return folders_.addFile(treePath, tree->root, tree->dagSize);
  }

  Result<void> addLink(const std::string& treePath, const std::string& target) {
    const auto block = cid::symlinkBlock(target);
    const auto cid = cid::Cid::of(cid::Codec::DagPb, std::as_bytes(std::span(block)));
    plan_.entries.push_back({treePath, cid, ContentKind::Link, target.size()});
    return folders_.addFile(treePath, cid, block.size());
  }

  Result<void> addFolder(const std::string& treePath) { return folders_.addFolder(treePath); }

  Result<void> finishFolders() {
    auto built = folders_.build();
    if (!built) return std::unexpected(built.error());
    for (auto& [path, folder] : *built) {
      plan_.imported.root = folder.root;
      plan_.entries.push_back({std::move(path), folder.root, ContentKind::Folder, folder.dagSize});
    }
    return {};
  }

  ImportPlan take() { return std::move(plan_); }

 private:
  const JobOptions& options_;
  std::uint64_t total_;
  ImportPlan plan_;
  FolderBuilder folders_;
};

Result<ImportPlan> planFolder(const fs::path& path, const JobOptions& options,
                              const ImportOptions& how) {
  const auto found = walkFolder(path, how, options.stop);
  if (!found) return std::unexpected(found.error());
  Planner planner(options, found->bytes);
  for (const auto& empty : found->emptyFolders) {
    if (auto added = planner.addFolder(empty); !added) return std::unexpected(added.error());
  }
  for (const auto& link : found->links) {
    auto added = planner.addLink(link.treePath, link.target);
    if (!added) return std::unexpected(added.error());
  }
  for (const auto& file : found->files) {
    auto added = planner.addFile(file.treePath, file.source);
    if (!added) return std::unexpected(added.error());
  }
  if (auto built = planner.finishFolders(); !built) return std::unexpected(built.error());
  return planner.take();
}

}  // namespace

Result<ImportPlan> planImport(const fs::path& path, const JobOptions& options,
                              const ImportOptions& how) {
  const auto root = findRoot(path);
  if (!root) return std::unexpected(root.error());
  if (root->folder) return planFolder(root->path, options, how);
  std::error_code none;
  const auto size = fs::file_size(root->path, none);
  Planner planner(options, none ? 0 : size);
  if (auto added = planner.addFile("", root->path); !added) return std::unexpected(added.error());
  return planner.take();
}

}  // namespace webpool::store

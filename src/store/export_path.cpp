// Content as files and folders of the disk: ContentStore::exportPath.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "store/content_store.h"
#include "store/disk_space.h"
#include "store/index.h"
#include "store/ingest.h"
#include "store/new_file.h"
#include "store/new_folder.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

/// A name that leads out of its folder is no name.
bool isPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

class Exporter {
 public:
  Exporter(const TreeReader& tree, Index& index, const fs::path& folder, const JobOptions& options,
           std::uint64_t total)
      : tree_(tree), index_(index), folder_(folder), options_(options), total_(total) {}

  Result<void> write(const ContentEntry& entry, const fs::path& target, unsigned level) {
    if (options_.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    if (!entry.here) {
      return fail(ErrorCategory::NotFound,
                  fmt::format("the store does not hold {}", entry.cid.text()),
                  "fetch it, or check the CID");
    }
    switch (entry.kind) {
      case ContentKind::File:
        return writeFile(entry, target);
      case ContentKind::Folder:
        return writeFolder(entry.cid, target, level);
      case ContentKind::Link:
        if (::symlink(entry.target.c_str(), target.c_str()) == 0) return {};
        return std::unexpected(base::fileError("can't link", target, errno));
      case ContentKind::Block:
        break;
    }
    return std::unexpected(tree_.whyNoEntity(entry.cid));
  }

  const Imported& written() const { return written_; }

 private:
  Result<void> writeFolder(const cid::Cid& cid, const fs::path& target, unsigned level) {
    if (level > kMostLevels) return treeTooLarge();
    const auto entries = tree_.list(cid);
    if (!entries) return std::unexpected(entries.error());
    if (::mkdir(target.c_str(), 0777) != 0) {
      return std::unexpected(base::fileError("can't create folder", target, errno));
    }
    const ContentEntry* before = nullptr;  // they are sorted by name
    for (const auto& entry : *entries) {
      if (!isPlainName(entry.name)) {
        return fail(ErrorCategory::Protocol,
                    fmt::format("{} has an entry whose name leads elsewhere", cid.text()));
      }
      if (before != nullptr && before->name == entry.name) {
        return fail(ErrorCategory::Protocol,
                    fmt::format("{} has two entries named \"{}\"", cid.text(), entry.name),
                    "get one of them by its own CID");
      }
      before = &entry;
      if (auto done = write(entry, target / entry.name, level + 1); !done) return done;
    }
    return {};
  }

  Result<void> writeFile(const ContentEntry& entry, const fs::path& target) {
    const auto row = index_.fileByRoot(entry.cid);
    if (!row) return std::unexpected(row.error());
    auto done = *row ? copyWhole(**row, target) : copyBlocks(entry.cid, entry.size, target);
    if (!done) return done;
    written_.bytes += entry.size;
    ++written_.files;
    return {};
  }

  void report(std::uint64_t done) const {
    if (!options_.progress) return;
    options_.progress({Progress::Phase::Import, "", written_.bytes + done, total_});
  }

  Result<void> copyWhole(const FileRow& row, const fs::path& target) {
    const auto file = tree_.open(row);
    if (!file) return std::unexpected(file.error());
    const auto leaves = copyOut(
        file->get(), storedPath(folder_, row.sha256), target,
        [&](std::uint64_t done) { report(done); }, options_.stop);
    if (!leaves) return std::unexpected(leaves.error());
    if (*leaves == row.leaves) return {};
    tree_.noteDamage(row);
    return fail(ErrorCategory::Integrity,
                fmt::format("the stored file {} does not match its hash", row.root.text()),
                kDamageHint);
  }

  Result<void> copyBlocks(const cid::Cid& cid, std::uint64_t size, const fs::path& target) {
    const auto file = base::openFile(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
    if (!file) return std::unexpected(file.error());
    if (auto room = checkRoom(target.parent_path(), size, cid.text()); !room) return room;
    return tree_.read(cid,
                      [&](std::span<const std::byte> piece) {
                        return base::writeAll(file->get(), piece, target);
                      },
                      {[&](const Progress& progress) { report(progress.done); }, options_.stop});
  }

  const TreeReader& tree_;
  Index& index_;
  const fs::path& folder_;
  const JobOptions& options_;
  std::uint64_t total_;
  Imported written_;
};

}  // namespace

Result<Imported> ContentStore::exportPath(const cid::Cid& root, const fs::path& target,
                                          const JobOptions& options) const {
  std::error_code none;
  if (fs::exists(fs::symlink_status(target, none))) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} is there already", target.native()),
                "give another path, or move it away");
  }
  const auto reader = tree();
  const auto about = reader.describe(root, options.stop);
  if (!about) return std::unexpected(about.error());
  // Beside the target, so that it appears whole or not at all.
  auto finally = fs::absolute(target, none);
  if (finally.filename().empty()) finally = finally.parent_path();
  if (!fs::is_directory(finally.parent_path(), none)) {
    return fail(ErrorCategory::NotFound,
                fmt::format("there is no folder {}", finally.parent_path().native()),
                "make it first, or give another path");
  }
  if (!canShareBytes(finally.parent_path())) {
    auto room = checkRoom(finally.parent_path(), about->bytes, root.text());
    if (!room) return std::unexpected(room.error());
  }
  const auto between = NewFolder::beside(finally, random_);
  if (!between) return std::unexpected(between.error());
  const auto content = (*between)->content();
  Exporter exporter(reader, *reader_, folder_, options, about->bytes);
  auto written = exporter.write(
      {.name = "", .cid = root, .kind = about->kind, .size = about->bytes, .target = about->target},
      content, 0);
  if (written) written = renameToNew(content, finally);
  if (!written) return std::unexpected(written.error());
  auto result = exporter.written();
  result.root = root;
  return result;
}

}  // namespace webpool::store

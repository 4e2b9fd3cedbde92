#include "store/import_session.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "store/content_store.h"
#include "store/folder_builder.h"
#include "store/index.h"
#include "store/ingest.h"
#include "store/staging.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

// A report for every leaf would cost more than it tells.
constexpr std::uint64_t kProgressStep = 8u << 20;

struct Staged {
  std::filesystem::path path;
  FileRow row;
  cid::FileTree tree;
};

}  // namespace

struct ImportSession::State {
  std::unique_ptr<StagingFolder> folder;
  FolderBuilder tree;
  std::vector<Staged> staged;
  std::vector<cid::Cid> existing;
  std::optional<cid::Cid> singleRoot;  ///< the root is one file
  std::vector<TreeFile> files;

  Result<void> place(const TreeFile& file, std::uint64_t dagSize);
};

Result<void> ImportSession::State::place(const TreeFile& file, std::uint64_t dagSize) {
  if (singleRoot || (file.path.empty() && !files.empty())) {
    return fail(ErrorCategory::InvalidArgument, "a single file can't share a root with others");
  }
  if (!file.path.empty()) {
    if (auto added = tree.addFile(file.path, file.cid, dagSize); !added) return added;
  } else {
    singleRoot = file.cid;
  }
  files.push_back(file);
  return {};
}

ImportSession::ImportSession(ContentStore& store, std::unique_ptr<StagingFolder> folder)
    : store_(store), state_(std::make_unique<State>()) {
  state_->folder = std::move(folder);
}

ImportSession::~ImportSession() = default;

const std::vector<TreeFile>& ImportSession::files() const noexcept {
  return state_->files;
}

Result<std::filesystem::path> ImportSession::workFolder() const {
  auto path = state_->folder->path() / "work";
  if (auto made = base::makeFolders(path); !made) return std::unexpected(made.error());
  return path;
}

Result<StagedFile> ImportSession::addFile(const Item& item, const JobOptions& options,
                                          std::uint64_t doneBefore, std::uint64_t total) {
  const auto path = state_->folder->path() / fmt::format("{}", state_->staged.size());
  std::uint64_t reported = 0;
  const auto report = [&](std::uint64_t done) {
    if (!options.progress || done < reported + kProgressStep) return;
    reported = done;
    options.progress({Progress::Phase::Import, item.treePath, doneBefore + done, total});
  };
  if (item.take == Take::Move && ::rename(item.source.c_str(), path.c_str()) != 0) {
    return std::unexpected(base::fileError("can't move", item.source, errno));
  }
  auto ingested = item.take == Take::Move ? ingestInPlace(path, report, options.stop)
                                          : ingestCopy(item.source, path, report, options.stop);
  const auto discard = [&](Error error) -> Result<StagedFile> {
    ::unlink(path.c_str());
    return std::unexpected(std::move(error));
  };
  if (!ingested) return discard(ingested.error());
  auto tree = cid::buildFileTree(ingested->leaves, ingested->size);
  if (!tree) return discard(tree.error());
  if (item.expected && item.expected->normalized() != tree->root) {
    return discard({ErrorCategory::Integrity,
                    fmt::format("{} from {} has the CID {}, expected {}", item.treePath,
                                item.origin.empty() ? item.source.native() : item.origin,
                                tree->root.text(), item.expected->text()),
                    "the source's content was changed; nothing of it was stored"});
  }
  auto placed = state_->place({item.treePath, tree->root, ingested->size}, tree->dagSize);
  if (!placed) return discard(placed.error());
  StagedFile result{tree->root, ingested->sha256, ingested->size};
  FileRow row{0,
              ingested->sha256,
              tree->root,
              tree->dagSize,
              std::move(ingested->leaves),
              {ingested->size, ingested->mtimeNs}};
  state_->staged.push_back({path, std::move(row), std::move(*tree)});
  if (options.progress) {
    options.progress({Progress::Phase::Import, item.treePath, doneBefore + result.size, total});
  }
  return result;
}

Result<void> ImportSession::addExisting(std::string treePath, const cid::Cid& file) {
  auto row = store_.reader_->fileByRoot(file);
  if (!row) return std::unexpected(row.error());
  if (!*row) {
    return fail(ErrorCategory::NotFound, fmt::format("the store holds no file {}", file.text()));
  }
  auto placed = state_->place({std::move(treePath), file, (*row)->stamp.size}, (*row)->dagSize);
  if (!placed) return placed;
  state_->existing.push_back(file);
  return {};
}

Result<void> ImportSession::addEmptyFolder(std::string treePath) {
  return state_->tree.addFolder(treePath);
}

namespace {

/// Moves staged files in place and writes their rows. Runs inside the write transaction.
class Publisher {
 public:
  Publisher(Index& index, const std::filesystem::path& storeFolder)
      : index_(index), folder_(storeFolder) {}

  Result<void> publish(const Staged& staged) {
    auto known = index_.fileBySha256(staged.row.sha256);
    if (!known) return std::unexpected(known.error());
    if (*known && TreeReader(folder_, index_).open(**known)) return {};
    const auto target = storedPath(folder_, staged.row.sha256);
    if (::rename(staged.path.c_str(), target.c_str()) != 0) {
      return std::unexpected(base::fileError("can't move to", target, errno));
    }
    if (*known) return index_.setStamp((*known)->id, staged.row.stamp.mtimeNs);  // it was damaged
    placed_.push_back(target);
    return index_.addFile(staged.row, staged.tree);
  }

  Result<void> flush() {
    auto folder = base::openFile(folder_ / "files", O_RDONLY | O_DIRECTORY);
    if (!folder) return std::unexpected(folder.error());
    if (::fsync(folder->get()) != 0) {
      return std::unexpected(base::fileError("can't flush", folder_ / "files", errno));
    }
    return {};
  }

  /// For a transaction that will be rolled back.
  void undo() {
    for (const auto& path : placed_) ::unlink(path.c_str());
  }

 private:
  Index& index_;
  const std::filesystem::path& folder_;
  std::vector<std::filesystem::path> placed_;
};

}  // namespace

Result<Imported> ImportSession::commit(const Pin& pin, const std::optional<cid::Cid>& expected) {
  std::vector<cid::Directory> directories;
  if (!state_->singleRoot) {
    auto built = state_->tree.build();
    if (!built) return std::unexpected(built.error());
    directories = std::move(*built);
  }
  const auto root = state_->singleRoot ? *state_->singleRoot : directories.back().cid;
  if (expected && expected->normalized() != root) {
    return fail(ErrorCategory::Integrity,
                fmt::format("the folder of {} has the CID {}, expected {}", pin.name, root.text(),
                            expected->text()),
                "nothing was stored");
  }
  auto& index = *store_.writer_;
  const auto body = [&](Publisher& publisher) -> Result<void> {
    for (const auto& staged : state_->staged) {
      if (auto done = publisher.publish(staged); !done) return done;
    }
    for (const auto& cid : state_->existing) {
      auto row = index.fileByRoot(cid);
      if (!row) return std::unexpected(row.error());
      if (!*row) {
        return fail(ErrorCategory::Busy,
                    fmt::format("{} was removed from the store meanwhile", cid.text()),
                    "try again");
      }
    }
    if (auto flushed = publisher.flush(); !flushed) return flushed;
    for (const auto& directory : directories) {
      if (auto added = index.addNode(directory.cid, directory.block); !added) return added;
    }
    auto named = pin;
    named.cid = root;
    return index.putPin(named);
  };
  auto written = index.write([&]() -> Result<void> {
    Publisher publisher(index, store_.folder_);
    auto done = body(publisher);
    if (!done) publisher.undo();
    return done;
  });
  if (!written) {
    (void)store_.sweepOrphans();  // for a commit that failed itself; the next open tries again
    return std::unexpected(written.error());
  }
  Imported imported{root, 0, state_->files.size()};
  for (const auto& file : state_->files) imported.bytes += file.size;
  return imported;
}

}  // namespace webpool::store

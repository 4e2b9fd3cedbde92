#include "store/import_session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cid/unixfs.h"
#include "store/content_store.h"
#include "store/folder_builder.h"
#include "store/group_flush.h"
#include "store/index.h"
#include "store/ingest.h"
#include "store/resume_journal.h"
#include "store/staging.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

// A report for every leaf would cost more than it tells.
constexpr std::uint64_t kProgressStep = 8u << 20;

// A look at whether to go on, and a report, while files are put in their places.
constexpr std::size_t kKeepStep = 256;

// A copy of this size is gone on with after it was broken off in its middle.
constexpr std::uint64_t kLongCopy = 16u << 20;

// Two changes of a file within one tick of the kernel's clock have one time.
constexpr std::chrono::milliseconds kClockTick{20};

struct Staged {
  std::filesystem::path path;
  FileRow row;
  cid::FileTree tree;
  bool linked = false;   ///< `path` is the source, which stays
  bool flushed = false;  ///< as Ingested says
};

/// Whether a copy that an earlier import completed and did not flush is still what it was: the
/// machine may have crashed since.
bool isWhole(const std::filesystem::path& path, const Ingested& copied,
             const std::stop_token& stop) {
  const auto now = hashFile(path, {}, stop);
  return now && now->sha256 == copied.sha256 && now->leaves == copied.leaves;
}

std::unexpected<Error> linkError(const std::filesystem::path& source, int errnoValue) {
  if (errnoValue == EXDEV || errnoValue == EPERM || errnoValue == EACCES || errnoValue == EMLINK) {
    const auto* why = errnoValue == EXDEV    ? "it lies on another disk than the store"
                      : errnoValue == EMLINK ? "it has too many names already"
                                             : "the system does not permit it";
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} can't be linked: {}", source.native(), why),
                "leave --link out to copy it");
  }
  return std::unexpected(base::fileError("can't link", source, errnoValue));
}

/// That the file can be linked into `folder`, as far as its disk tells; and that whoever changes it
/// from now on gives it another time.
Result<void> prepareLink(const std::filesystem::path& source, const std::filesystem::path& folder) {
  struct stat file{}, store{};
  if (::stat(source.c_str(), &file) != 0 || ::stat(folder.c_str(), &store) != 0) {
    return std::unexpected(base::fileError("can't look at", source, errno));
  }
  if (file.st_dev != store.st_dev) return linkError(source, EXDEV);
  using Clock = std::chrono::system_clock;
  const auto changed =
      std::chrono::seconds(file.st_mtim.tv_sec) + std::chrono::nanoseconds(file.st_mtim.tv_nsec);
  const auto age = Clock::now().time_since_epoch() - changed;
  if (age >= age.zero() && age < kClockTick) std::this_thread::sleep_for(kClockTick);
  return {};
}

}  // namespace

struct ImportSession::State {
  State(std::unique_ptr<StagingFolder> staging, std::unique_ptr<ResumeJournal> resumed)
      : folder(std::move(staging)), journal(std::move(resumed)), unflushed(folder->path()) {}

  std::unique_ptr<StagingFolder> folder;
  FolderBuilder tree;
  std::vector<Staged> staged;
  std::vector<cid::Cid> existing;
  bool holds = false;                  ///< there are leases of this session
  std::optional<cid::Cid> singleRoot;  ///< the root is one file
  std::vector<TreeFile> files;
  std::vector<std::pair<cid::Cid, std::string>> links;  ///< nodes of symbolic links
  std::unique_ptr<ResumeJournal> journal;               ///< none: what is broken off is lost
  GroupFlush unflushed;

  /// Under which leases are kept.
  std::string holder() const { return folder->path().filename().native(); }

  /// Hashes the item; `path` is where it then lies.
  Result<Ingested> ingest(const std::filesystem::path& store, const Item& item,
                          const IngestProgress& report, const std::stop_token& stop,
                          std::filesystem::path& path);
  /// Copies the source to a staged file, or takes up what an earlier import copied.
  Result<Ingested> copy(const Item& item, const IngestProgress& report, const std::stop_token& stop,
                        std::filesystem::path& path);
  Result<Ingested> copyAndRecord(const ResumeJournal::Source& source, const FileState& state,
                                 const Item& item, const IngestProgress& report,
                                 const std::stop_token& stop, std::filesystem::path& path);
  Result<void> place(const TreeFile& file, std::uint64_t dagSize);
  /// Brings to the disk what was not yet.
  Result<void> flush();
};

Result<void> ImportSession::State::flush() {
  for (auto& one : staged) {
    if (!std::exchange(one.flushed, true)) unflushed.add(one.path);
  }
  return unflushed.run();
}

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

Result<Ingested> ImportSession::State::copyAndRecord(const ResumeJournal::Source& source,
                                                     const FileState& state, const Item& item,
                                                     const IngestProgress& report,
                                                     const std::stop_token& stop,
                                                     std::filesystem::path& path) {
  CopyState from{.source = state};
  unsigned number = 0;
  if (source.size < kLongCopy) {
    number = journal->nextNumber();
  } else {
    auto begun = journal->begun(source);
    number = begun ? begun->number : journal->nextNumber();
    if (begun) from.leaves = std::move(begun->leaves);
    // Writes the leaves anew as they are found again, so that it can be broken off once more.
    if (auto noted = journal->recordBegin(number, source); !noted) {
      return std::unexpected(noted.error());
    }
    from.onLeaves = journal->leafRecorder(number);
  }
  path = journal->stagedPath(number);
  if (from.leaves.empty()) ::unlink(path.c_str());
  auto ingested = ingestCopy(item.source, path, report, stop, from);
  if (!ingested && ingested.error().category == ErrorCategory::Integrity && !from.leaves.empty()) {
    ::unlink(path.c_str());  // what was there was not right
    from.leaves.clear();
    from.onLeaves = journal->leafRecorder(number);
    ingested = ingestCopy(item.source, path, report, stop, from);
  }
  if (!ingested) return ingested;
  if (auto noted = journal->recordEnd(number, source, *ingested); !noted) {
    return std::unexpected(noted.error());
  }
  return ingested;
}

Result<Ingested> ImportSession::State::copy(const Item& item, const IngestProgress& report,
                                            const std::stop_token& stop,
                                            std::filesystem::path& path) {
  const auto now = journal ? stateAt(item.source) : Result<FileState>();
  if (!journal || !now) return ingestCopy(item.source, path, report, stop);
  const ResumeJournal::Source source{item.treePath, now->size,  now->mtimeNs,
                                     now->ctimeNs,  now->inode, now->device};
  if (auto done = journal->finished(source)) {
    path = journal->stagedPath(done->number);
    if (done->ingested.flushed || isWhole(path, done->ingested, stop)) {
      return std::move(done->ingested);
    }
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    ::unlink(path.c_str());
  }
  return copyAndRecord(source, *now, item, report, stop, path);
}

Result<Ingested> ImportSession::State::ingest(const std::filesystem::path& store, const Item& item,
                                              const IngestProgress& report,
                                              const std::stop_token& stop,
                                              std::filesystem::path& path) {
  switch (item.take) {
    case Take::Copy:
      return copy(item, report, stop, path);
    case Take::Link:
      path = item.source;
      if (auto ready = prepareLink(item.source, store / "files"); !ready) {
        return std::unexpected(ready.error());
      }
      return ingestLinked(item.source, report, stop);
    case Take::Move:
      break;
  }
  if (::rename(item.source.c_str(), path.c_str()) != 0) {
    return std::unexpected(base::fileError("can't move", item.source, errno));
  }
  return ingestInPlace(path, report, stop);
}

ImportSession::ImportSession(ContentStore& store, std::unique_ptr<StagingFolder> folder,
                             std::unique_ptr<ResumeJournal> journal)
    : store_(store), state_(std::make_unique<State>(std::move(folder), std::move(journal))) {
  state_->folder->keep(state_->journal != nullptr);
}

ImportSession::~ImportSession() {
  if (!state_->holds) return;
  // Where it fails, the next collection finds that the holder is dead.
  (void)store_.writer_->write([&] { return store_.writer_->removeLeases(state_->holder()); });
}

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
  auto path = state_->folder->path() / fmt::format("{}", state_->staged.size());
  std::uint64_t reported = 0;
  const auto report = [&](std::uint64_t done) {
    if (!options.progress || done < reported + kProgressStep) return;
    reported = done;
    options.progress({Progress::Phase::Import, item.treePath, doneBefore + done, total});
  };
  auto ingested = state_->ingest(store_.folder_, item, report, options.stop, path);
  const auto discard = [&](Error error) -> Result<StagedFile> {
    const bool full = error.category == ErrorCategory::NoSpace;
    if (full) state_->folder->keep(false);  // gives its space back
    // A source that changed is another one the next time.
    const bool useless = full || error.category == ErrorCategory::Busy || !state_->journal;
    if (item.take != Take::Link && useless) ::unlink(path.c_str());
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
              {ingested->size, ingested->mtimeNs, 0}};
  state_->staged.push_back(
      {path, std::move(row), std::move(*tree), item.take == Take::Link, ingested->flushed});
  if (options.progress) {
    options.progress({Progress::Phase::Import, item.treePath, doneBefore + result.size, total});
  }
  return result;
}

Result<std::vector<bool>> ImportSession::hold(std::span<const cid::Cid> files) {
  auto& index = *store_.writer_;
  const TreeReader reader(store_.folder_, index, *store_.packs_);
  std::vector<bool> here(files.size());
  auto held = index.write([&]() -> Result<void> {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto row = index.fileByRoot(files[i]);
      if (!row) return std::unexpected(row.error());
      here[i] = *row && reader.open(**row);
      if (!here[i]) continue;
      if (auto leased = index.addLease(state_->holder(), files[i]); !leased) return leased;
      state_->holds = true;
    }
    return {};
  });
  if (!held) return std::unexpected(held.error());
  return here;
}

Result<void> ImportSession::addExisting(std::string treePath, const cid::Cid& file) {
  auto& index = *store_.writer_;
  std::optional<FileRow> row;
  // Found and held in one step, so that no collection takes it before the commit.
  auto held = index.write([&]() -> Result<void> {
    auto found = index.fileByRoot(file);
    if (!found) return std::unexpected(found.error());
    if (!*found) {
      return fail(ErrorCategory::NotFound, fmt::format("the store holds no file {}", file.text()));
    }
    row = std::move(*found);
    return index.addLease(state_->holder(), file);
  });
  if (!held) return held;
  state_->holds = true;
  state_->existing.push_back(file);
  return state_->place({std::move(treePath), file, row->stamp.size}, row->dagSize);
}

Result<void> ImportSession::addLink(std::string treePath, std::string_view target) {
  auto block = cid::symlinkBlock(target);
  const auto cid = cid::Cid::of(cid::Codec::DagPb, std::as_bytes(std::span(block)));
  if (auto added = state_->tree.addFile(treePath, cid, block.size()); !added) return added;
  state_->links.emplace_back(cid, std::move(block));
  return {};
}

Result<void> ImportSession::addEmptyFolder(std::string treePath) {
  return state_->tree.addFolder(treePath);
}

namespace {

/// Moves staged files in place and writes their rows. Runs inside the write transaction.
class Publisher {
 public:
  Publisher(Index& index, Packs& packs, const std::filesystem::path& storeFolder,
            const std::filesystem::path& staging)
      : index_(index), packs_(packs), folder_(storeFolder), staging_(staging) {}

  Result<void> publish(const Staged& staged) {
    auto known = index_.fileBySha256(staged.row.sha256);
    if (!known) return std::unexpected(known.error());
    if (*known && TreeReader(folder_, index_, packs_).open(**known)) return {};
    const auto target = storedPath(folder_, staged.row.sha256);
    auto row = staged.row;
    if (auto moved = staged.linked ? link(staged, target, row.stamp) : move(staged.path, target);
        !moved) {
      return moved;
    }
    if (*known) return index_.setStamp((*known)->id, row.stamp);  // it was damaged
    placed_.push_back({staged.linked ? std::filesystem::path() : staged.path, target});
    return index_.addFile(row, staged.tree);
  }

  Result<void> flush() {
    auto folder = base::openFile(folder_ / "files", O_RDONLY | O_DIRECTORY);
    if (!folder) return std::unexpected(folder.error());
    if (::fsync(folder->get()) != 0) {
      return std::unexpected(base::fileError("can't flush", folder_ / "files", errno));
    }
    return {};
  }

  /// For a transaction that will be rolled back. What was moved goes back, so that it can be taken
  /// up again.
  void undo() {
    for (const auto& [from, to] : placed_) {
      if (from.empty() || ::rename(to.c_str(), from.c_str()) != 0) ::unlink(to.c_str());
    }
  }

 private:
  static Result<void> move(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return std::unexpected(base::fileError("can't move to", to, errno));
  }

  /// Gives the source the further name `target`.
  Result<void> link(const Staged& staged, const std::filesystem::path& target, FileStamp& stamp) {
    const auto between = staging_ / "link";
    ::unlink(between.c_str());
    if (::linkat(AT_FDCWD, staged.path.c_str(), AT_FDCWD, between.c_str(), AT_SYMLINK_FOLLOW)) {
      return linkError(staged.path, errno);
    }
    const auto file = base::openFile(between, O_RDONLY | O_NOFOLLOW);
    if (!file) return std::unexpected(file.error());
    auto state = stateOf(file->get(), between);
    if (!state) return std::unexpected(state.error());
    if (state->size != stamp.size || state->mtimeNs != stamp.mtimeNs) {
      ::unlink(between.c_str());
      return fail(ErrorCategory::Busy,
                  fmt::format("{} was changed while it was imported", staged.path.native()),
                  "try again when nothing writes to it any more, or leave --link out");
    }
    if (auto moved = move(between, target); !moved) return moved;
    ::unlink(between.c_str());  // still there where both were names of one file
    state = stateOf(file->get(), target);
    if (!state) return std::unexpected(state.error());
    stamp.linkedCtimeNs = state->ctimeNs;
    return {};
  }

  Index& index_;
  Packs& packs_;
  const std::filesystem::path& folder_;
  const std::filesystem::path& staging_;
  struct Placed {
    std::filesystem::path from;  ///< empty for a link, whose source stayed
    std::filesystem::path to;
  };
  std::vector<Placed> placed_;
};

/// Puts them all in place. In the order of their hashes, which is that of the index: its pages are
/// written one after another, and not each many times.
Result<void> publishAll(Publisher& publisher, const std::vector<Staged>& all,
                        const JobOptions& options) {
  std::vector<const Staged*> sorted;
  Progress progress{Progress::Phase::Keep, "", 0, 0};
  for (const auto& staged : all) {
    sorted.push_back(&staged);
    progress.total += staged.row.stamp.size;
  }
  std::ranges::sort(sorted, {}, [](const Staged* staged) { return staged->row.sha256; });
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (options.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    if (auto done = publisher.publish(*sorted[i]); !done) return done;
    progress.done += sorted[i]->row.stamp.size;
    if (options.progress && i % kKeepStep == kKeepStep - 1) options.progress(progress);
  }
  return {};
}

/// The nodes of all folders.
Result<void> addNodes(Index& index, const std::vector<BuiltFolder>& folders,
                      const std::stop_token& stop) {
  for (const auto& folder : folders) {
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    for (const auto& node : folder.tree.nodes) {
      if (auto added = index.addNode(node.cid, node.block); !added) return added;
    }
  }
  return {};
}

/// The nodes of all folders, and the blocks of these files that are packed as well.
Result<std::vector<cid::Cid>> packedDoubles(Index& index, const std::vector<cid::Cid>& files,
                                            const std::vector<BuiltFolder>& folders) {
  std::vector<cid::Cid> doubles;
  const auto any = index.hasPacked();
  if (!any) return std::unexpected(any.error());
  if (!*any) return doubles;
  for (const auto& root : files) {
    const auto packed = index.packedInFile(root);
    if (!packed) return std::unexpected(packed.error());
    for (const auto& bytes : *packed) {
      auto cid = cid::Cid::fromBytes(std::as_bytes(std::span(bytes)));
      if (cid) doubles.push_back(std::move(*cid));
    }
  }
  for (const auto& folder : folders) {
    for (const auto& node : folder.tree.nodes) doubles.push_back(node.cid);
  }
  return doubles;
}

}  // namespace

/// What came whole now mends what is packed of it. Where it fails, the damage is found again.
void ImportSession::dropDamagedDoubles(const std::vector<BuiltFolder>& folders) {
  auto files = state_->existing;
  for (const auto& staged : state_->staged) files.push_back(staged.row.root);
  auto& index = *store_.writer_;
  auto doubles = packedDoubles(index, files, folders);
  if (!doubles) return;
  for (const auto& [cid, block] : state_->links) doubles->push_back(cid);
  (void)store_.packs_->dropDamaged(index, *doubles);
}

Result<Imported> ImportSession::commit(const Pin& pin, const std::optional<cid::Cid>& expected,
                                       const JobOptions& options) {
  std::vector<BuiltFolder> folders;
  if (!state_->singleRoot) {
    auto built = state_->tree.build();
    if (!built) return std::unexpected(built.error());
    folders = std::move(*built);
  }
  const auto root = state_->singleRoot ? *state_->singleRoot : folders.back().tree.root;
  if (expected && expected->normalized() != root) {
    return fail(ErrorCategory::Integrity,
                fmt::format("the folder of {} has the CID {}, expected {}", pin.name, root.text(),
                            expected->text()),
                "nothing was stored");
  }
  // Before the transaction: others write meanwhile.
  if (auto flushed = state_->flush(); !flushed) {
    if (flushed.error().category == ErrorCategory::NoSpace) state_->folder->keep(false);
    return std::unexpected(flushed.error());
  }
  auto& index = *store_.writer_;
  const auto body = [&](Publisher& publisher) -> Result<void> {
    if (auto done = publishAll(publisher, state_->staged, options); !done) return done;
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
    if (auto added = addNodes(index, folders, options.stop); !added) return added;
    for (const auto& [cid, block] : state_->links) {
      if (auto added = index.addNode(cid, block); !added) return added;
    }
    auto named = pin;
    named.cid = root;
    return index.putPin(named);
  };
  auto written = index.write([&]() -> Result<void> {
    Publisher publisher(index, *store_.packs_, store_.folder_, state_->folder->path());
    auto done = body(publisher);
    if (!done) publisher.undo();
    return done;
  });
  if (!written) {
    const auto category = written.error().category;
    // For a commit that failed itself; the next open tries again.
    if (category != ErrorCategory::Cancelled) (void)store_.sweepOrphans();
    if (category == ErrorCategory::NoSpace) state_->folder->keep(false);
    return std::unexpected(written.error());
  }
  dropDamagedDoubles(folders);
  state_->folder->keep(false);
  Imported imported{root, 0, state_->files.size()};
  for (const auto& file : state_->files) imported.bytes += file.size;
  return imported;
}

}  // namespace webpool::store

#include "sources/content_fetch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/file.h"
#include "cid/resolve_path.h"
#include "cid/tree.h"
#include "sources/locked_folder.h"
#include "sources/partial_file.h"
#include "sources/tree_plan.h"
#include "store/block_session.h"
#include "store/hold.h"
#include "store/staging.h"

namespace webpool::sources {
namespace {

namespace fs = std::filesystem;

/// Of a folder's entries in the folder that holds fetched files until their own ones are there.
constexpr std::size_t kFilesAFolder = 1000;
/// Nobody needs so long between the writing of a small file and its renaming.
constexpr std::chrono::minutes kWriteTime{1};

std::string textOf(const Bytes& bytes) {
  return std::string(bytes.text());
}

/// The block, where the store has it and it is right.
std::optional<std::string> heldBlock(const store::ContentStore& store, const cid::Cid& cid) {
  const auto bytes = store.intactBlock(cid);
  if (!bytes) return std::nullopt;
  return textOf(*bytes);
}

Result<std::uint64_t> freeBytes(const fs::path& folder) {
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0) {
    return std::unexpected(base::fileError("can't look at", folder, errno));
  }
  return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

/// Measurements of earlier runs; as old as their file.
void loadScores(fetch::HostScores& scores, const fs::path& path) {
  const auto text = base::readFile(path, 1u << 20);
  std::error_code none;
  const auto written = fs::last_write_time(path, none);
  if (!text || none) return;
  const auto age = fs::file_time_type::clock::now() - written;
  scores.load(*text, std::chrono::duration_cast<base::Duration>(age),
              std::chrono::steady_clock::now());
}

/// Deletes what writers of the file left beside it that were killed before they renamed it.
void dropTornWrites(const fs::path& path) {
  const auto begin = path.filename().native() + ".";
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(path.parent_path(), failure)) {
    const auto name = entry.path().filename().native();
    if (!name.starts_with(begin) || !name.ends_with(".tmp")) continue;
    std::error_code none;
    const auto written = entry.last_write_time(none);
    if (none || fs::file_time_type::clock::now() - written < kWriteTime) continue;
    fs::remove(entry.path(), none);
  }
}

/// That a raw block is as large as the nodes above it say.
Result<void> checkSize(const TreePlan& plan, const cid::Cid& cid, std::uint64_t size) {
  const auto above = plan.partSize(cid);
  if (!above || *above == size) return {};
  return fail(ErrorCategory::Protocol,
              fmt::format("{} has {} bytes, {} by the node above it", cid.text(), size, *above),
              "whoever published it has to mend it");
}

/// The other name lets go of the file without a copy, so that a kill costs nothing.
bool giveAnotherName(const fs::path& file, const fs::path& name) {
  return ::link(file.c_str(), name.c_str()) == 0;
}

}  // namespace

struct ContentFetch::State {
  State(store::ContentStore& s, base::HttpClient& h, ContentFetchOptions o)
      : store(s), http(h), options(std::move(o)), blocks(h, scores, options.blocks) {
    loadScores(scores, scoresPath());
    for (auto& server : namedServers(options.settings)) blocks.addServer(std::move(server));
  }

  fs::path scoresPath() const { return options.data / "source-scores.json"; }

  void keepScores() const {
    dropTornWrites(scoresPath());
    (void)base::writeFileAtomically(scoresPath(), scores.save(std::chrono::steady_clock::now()),
                                    0600);
  }
  void search(const cid::Cid& root);
  Result<std::string> block(const cid::Cid& cid, const std::stop_token& stop);
  Result<void> runBlocks(const BlockSink& sink, const store::JobOptions& job, const cid::Cid& root,
                         std::uint64_t total);
  Error named(Error error, const cid::Cid& root) const;
  void note(std::string text) {
    const std::lock_guard lock(notesMutex);
    notes.push_back(std::move(text));
  }

  store::ContentStore& store;
  base::HttpClient& http;
  ContentFetchOptions options;
  fetch::HostScores scores;
  BlockFetch blocks;
  std::atomic<std::uint64_t> fromStore{0};  ///< bytes that were here already
  mutable std::mutex notesMutex;
  std::vector<std::string> notes;  ///< why a router named nobody
  bool searched = false;
  std::atomic<std::size_t> searching{0};
  std::vector<std::jthread> searchers;  ///< ended before what they add to
};

/// Looks for a Kubo and asks the routers, beside everything else.
void ContentFetch::State::search(const cid::Cid& root) {
  if (std::exchange(searched, true)) return;
  std::vector<std::function<void(std::stop_token)>> tasks;
  if (const auto& kubo = options.settings.kubo; !kubo.empty()) {
    tasks.emplace_back([this, &kubo](const std::stop_token& stop) {
      const auto what = probeLocalGateway(http, kubo, stop);
      if (what == LocalGateway::None) return;
      for (auto& server : localServers(kubo, what == LocalGateway::Kubo ? "kubo" : kubo)) {
        if (server.onlyIfCached || options.settings.kuboLooksElsewhere) {
          blocks.addServer(std::move(server));
        }
      }
    });
  }
  for (const auto& router : options.settings.routers) {
    tasks.emplace_back([this, &router, root](std::stop_token stop) {
      auto found = askRouter(http, router, root, std::move(stop));
      if (!found) return note(fmt::format("the router {}: {}", router, found.error().message));
      for (const auto& origin : found->passedOver) {
        note(fmt::format("the router {} named {}, which was passed over: it is not encrypted",
                         router, origin));
      }
      const auto known = namedServers(options.settings);
      for (auto& server : found->servers) {
        if (std::ranges::find(known, server.origin, &ContentServer::origin) == known.end()) {
          blocks.addServer(std::move(server));
        }
      }
    });
  }
  if (tasks.empty()) return;
  searching = tasks.size();
  blocks.setMoreServersMayCome(true);
  for (auto& task : tasks) {
    searchers.emplace_back([this, task = std::move(task)](std::stop_token stop) {
      task(std::move(stop));
      if (--searching == 0) blocks.setMoreServersMayCome(false);
    });
  }
}

Error ContentFetch::State::named(Error error, const cid::Cid& root) const {
  if (!blocks.reports().empty() || error.category != ErrorCategory::NotFound) return error;
  if (store.isDamagedBelow(root)) {
    return {ErrorCategory::Integrity,
            fmt::format("{} is here, but damaged, and no other source is known", root.text()),
            "give --gateway https://HOST or --peer http://HOST, or add or import it again; webpool "
            "content verify names what is damaged"};
  }
  const std::lock_guard lock(notesMutex);
  if (!notes.empty()) {
    return {ErrorCategory::NotFound,
            fmt::format("{} is not here, and no other source is known: {}", root.text(),
                        fmt::join(notes, "; ")),
            "give --peer http://HOST for a webpool node that is asked without encryption, or "
            "--gateway https://HOST"};
  }
  return {ErrorCategory::NotFound,
          fmt::format("{} is not here, and no other source is known", root.text()),
          "give --gateway https://HOST, or set WEBPOOL_GATEWAY; webpool config shows all sources"};
}

Result<void> ContentFetch::State::runBlocks(const BlockSink& sink, const store::JobOptions& job,
                                            const cid::Cid& root, std::uint64_t total) {
  // Nobody is told of what is here already.
  if (!blocks.isDone()) search(root);
  return blocks.run(sink, job.stop, [&] {
    if (!job.progress) return;
    std::uint64_t done = fromStore;
    for (const auto& report : blocks.reports()) done += report.bytes;
    job.progress({store::Progress::Phase::Fetch, root.text(), done, std::max(total, done)});
  });
}

Result<std::string> ContentFetch::State::block(const cid::Cid& cid, const std::stop_token& stop) {
  if (auto held = heldBlock(store, cid)) return std::move(*held);
  search(cid);
  std::string block;
  std::mutex mutex;
  blocks.add({cid, 0});
  const auto done = blocks.run(
      [&](std::uint64_t, std::string_view bytes) -> Result<void> {
        const std::lock_guard lock(mutex);
        block = bytes;
        return {};
      },
      stop, {});
  if (!done) return std::unexpected(named(done.error(), cid));
  return block;
}

namespace {

/// Brings what lies below one root.
class TreeFetch {
 public:
  using Run = std::function<Result<void>(const BlockSink&, std::uint64_t total)>;

  TreeFetch(store::ContentStore& store, BlockFetch& blocks, std::atomic<std::uint64_t>& fromStore,
            fs::path folder, cid::Cid root, const store::JobOptions& job, Run run)
      : store_(store),
        blocks_(blocks),
        fromStore_(fromStore),
        folder_(std::move(folder)),
        root_(std::move(root)),
        job_(job),
        run_(std::move(run)),
        plan_(root_) {}

  /// All bytes, to the disk.
  Result<void> bring() {
    if (auto nodes = bringNodes(); !nodes) return nodes;
    const auto free = freeBytes(folder_);
    if (!free) return std::unexpected(free.error());
    if (auto finished = plan_.finish(*free); !finished) return finished;
    return bringLeaves();
  }

  Result<void> keep(const store::Pin& pin);
  Result<void> moveOnlyFile(const fs::path& target);

 private:
  struct File {
    const PlannedFile* plan = nullptr;
    PartialFile partial;
    std::uint64_t size = 0;
    bool held = false;       ///< the store has it
    bool blockOnly = false;  ///< it is one block, of more than a leaf
  };
  struct Place {
    std::size_t file = 0;
    std::size_t leaf = 0;
  };

  Result<void> bringNodes();
  Result<void> wantNodes();
  Result<void> readNode(const cid::Cid& cid, std::string_view block);
  Result<void> bringLeaves();
  Result<std::vector<bool>> findHere();
  Result<void> prepareFiles();
  Result<void> checkHeld(const PlannedFile& file) const;
  Result<void> wantLeaf(const cid::Cid& cid, std::uint64_t bytes);
  Result<void> takeLeaf(const cid::Cid& cid, std::string_view block);
  Result<void> placeLeaf(const Place& place, std::string_view block);
  Result<void> putBlock(const cid::Cid& cid, std::string_view block);
  Result<std::unordered_map<cid::Cid, std::uint64_t>> dagSizes() const;
  Result<void> addFile(store::ImportSession& session, File& file, const std::string& path);
  Result<void> keepAsImport(const std::vector<TreeEntry>& entries, const store::Pin& pin);
  Result<void> keepMixed(const store::Pin& pin);

  store::ContentStore& store_;
  BlockFetch& blocks_;
  std::atomic<std::uint64_t>& fromStore_;
  fs::path folder_;
  cid::Cid root_;
  const store::JobOptions& job_;
  Run run_;
  std::mutex mutex_;  ///< for what the sinks change
  TreePlan plan_;
  std::unordered_map<std::uint64_t, cid::Cid> numbers_;  ///< of blocks that are asked for
  std::unique_ptr<store::BlockSession> session_;
  std::unique_ptr<store::ImportSession> import_;  ///< keeps the files that were found here
  std::vector<File> files_;
  std::unordered_map<cid::Cid, std::size_t> fileOf_;
  std::unordered_map<cid::Cid, std::vector<Place>> places_;
  unsigned links_ = 0;
};

Result<void> TreeFetch::putBlock(const cid::Cid& cid, std::string_view block) {
  const std::lock_guard lock(mutex_);
  if (!session_) {
    auto begun = store_.beginBlocks();
    if (!begun) return std::unexpected(begun.error());
    session_ = std::move(*begun);
  }
  return session_->put(cid, std::as_bytes(std::span(block)));
}

Result<void> TreeFetch::readNode(const cid::Cid& cid, std::string_view block) {
  Result<TreePlan::Read> read;
  {
    const std::lock_guard lock(mutex_);
    read = plan_.read(cid, block);
  }
  if (!read) return std::unexpected(read.error());
  if (read->leafToo) return putBlock(cid, block);
  return {};
}

/// Reads those that are here, and asks for the others.
Result<void> TreeFetch::wantNodes() {
  while (true) {
    std::optional<TreePlan::WantedNode> next;
    {
      const std::lock_guard lock(mutex_);
      next = plan_.nextNode();
    }
    if (!next) return {};
    std::optional<std::string> held;
    if (next->cid.isIdentity()) {
      held = next->cid.hash().digest;
    } else {
      held = heldBlock(store_, next->cid);
      const std::lock_guard lock(mutex_);
      if (held) {
        fromStore_ += held->size();
      } else {
        numbers_[blocks_.add({next->cid, next->bytes})] = next->cid;
      }
    }
    if (!held) continue;
    if (auto read = readNode(next->cid, *held); !read) return read;
  }
}

Result<void> TreeFetch::bringNodes() {
  if (auto wanted = wantNodes(); !wanted) return wanted;
  const BlockSink sink = [this](std::uint64_t number, std::string_view block) -> Result<void> {
    cid::Cid cid;
    {
      const std::lock_guard lock(mutex_);
      cid = numbers_.at(number);
    }
    if (auto read = readNode(cid, block); !read) return read;
    return wantNodes();
  };
  return run_(sink, 0);
}

/// Which of the files are here. They are held from now on: a collection could take them while the
/// others come.
Result<std::vector<bool>> TreeFetch::findHere() {
  auto import = store_.beginImport();
  if (!import) return std::unexpected(import.error());
  import_ = std::move(*import);
  std::vector<cid::Cid> files;
  for (const auto& planned : plan_.files()) files.push_back(planned.cid);
  return import_->hold(files);
}

/// What is here as a file of one leaf is not read again.
Result<void> TreeFetch::checkHeld(const PlannedFile& file) const {
  if (file.leaves.size() != 1 || !plan_.partSize(file.cid)) return {};
  const auto about = store_.describe(file.cid);
  if (!about) return std::unexpected(about.error());
  return checkSize(plan_, file.cid, about->bytes);
}

Result<void> TreeFetch::prepareFiles() {
  const auto here = findHere();
  if (!here) return std::unexpected(here.error());
  for (const auto& planned : plan_.files()) {
    const auto name = fmt::format("{}.part", planned.cid.text());
    fileOf_[planned.cid] = files_.size();
    files_.push_back(
        {&planned, PartialFile(folder_ / name, planned.size, planned.leaves), planned.size});
    auto& file = files_.back();
    if ((*here)[files_.size() - 1]) {
      file.held = true;
      if (auto right = checkHeld(planned); !right) return right;
      fromStore_ += planned.size;
      continue;
    }
    auto leaves = file.partial.findHeld(job_.stop);
    if (!leaves) return std::unexpected(leaves.error());
    for (std::size_t leaf = 0; leaf < planned.leaves.size(); ++leaf) {
      if (!(*leaves)[leaf]) {
        places_[planned.leaves[leaf]].push_back({files_.size() - 1, leaf});
      } else {
        fromStore_ += std::min<std::uint64_t>(planned.size - leaf * cid::kLeafSize, cid::kLeafSize);
      }
    }
  }
  return {};
}

Result<void> TreeFetch::placeLeaf(const Place& place, std::string_view block) {
  auto& file = files_[place.file];
  if (file.plan->leaves.size() == 1) {
    const std::lock_guard lock(mutex_);
    file.size = block.size();
    file.blockOnly = block.size() > cid::kLeafSize;
    if (file.blockOnly) return {};
  } else {
    const auto begin = place.leaf * cid::kLeafSize;
    if (block.size() != std::min<std::uint64_t>(cid::kLeafSize, file.size - begin)) {
      return fail(ErrorCategory::Protocol,
                  fmt::format("{} says a wrong size of its parts", file.plan->cid.text()),
                  "whoever published it has to mend it");
    }
  }
  return file.partial.write(place.leaf, block);
}

Result<void> TreeFetch::takeLeaf(const cid::Cid& cid, std::string_view block) {
  if (auto right = checkSize(plan_, cid, block.size()); !right) return right;
  const auto places = places_.find(cid);
  if (places == places_.end() || block.size() > cid::kLeafSize) {
    if (auto put = putBlock(cid, block); !put) return put;
  }
  if (places == places_.end()) return {};
  for (const auto& place : places->second) {
    if (auto placed = placeLeaf(place, block); !placed) return placed;
  }
  return {};
}

Result<void> TreeFetch::wantLeaf(const cid::Cid& cid, std::uint64_t bytes) {
  if (job_.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "given up");
  if (const auto held = heldBlock(store_, cid)) {
    fromStore_ += held->size();
    return takeLeaf(cid, *held);
  }
  const std::lock_guard lock(mutex_);
  numbers_[blocks_.add({cid, bytes == 0 ? cid::kLeafSize : bytes})] = cid;
  return {};
}

Result<void> TreeFetch::bringLeaves() {
  if (auto prepared = prepareFiles(); !prepared) return prepared;
  // In the order of the files, so that what was broken off is whole at its front.
  for (std::size_t at = 0; at < files_.size(); ++at) {
    for (std::size_t leaf = 0; leaf < files_[at].plan->leaves.size(); ++leaf) {
      const auto& cid = files_[at].plan->leaves[leaf];
      const auto places = places_.find(cid);
      if (places == places_.end()) continue;
      const auto& first = places->second.front();
      if (first.file != at || first.leaf != leaf) continue;
      const auto left = files_[at].size - std::min(files_[at].size, leaf * cid::kLeafSize);
      if (auto wanted = wantLeaf(cid, std::min<std::uint64_t>(left, cid::kLeafSize)); !wanted) {
        return wanted;
      }
    }
  }
  for (const auto& block : plan_.blocks()) {
    if (auto wanted = wantLeaf(block.cid, block.bytes); !wanted) return wanted;
  }
  const BlockSink sink = [this](std::uint64_t number, std::string_view block) -> Result<void> {
    cid::Cid cid;
    {
      const std::lock_guard lock(mutex_);
      cid = numbers_.at(number);
    }
    return takeLeaf(cid, block);
  };
  return run_(sink, plan_.bytes());
}

/// Bytes of all blocks of each file.
Result<std::unordered_map<cid::Cid, std::uint64_t>> TreeFetch::dagSizes() const {
  std::unordered_map<cid::Cid, std::uint64_t> sizes;
  for (const auto& file : files_) {
    if (file.blockOnly) continue;
    if (file.plan->leaves.size() == 1 && !file.held) {
      sizes[file.plan->cid] = file.size;
      continue;
    }
    const auto size = file.size;
    std::vector<cid::Digest> digests(file.plan->leaves.size());
    const auto tree = file.held ? Result<cid::FileTree>() : cid::buildFileTree(digests, size);
    const auto about =
        file.held ? store_.describe(file.plan->cid) : Result<store::ContentDescription>();
    if (!tree) return std::unexpected(tree.error());
    if (!about) return std::unexpected(about.error());
    sizes[file.plan->cid] = file.held ? about->dagSize : tree->dagSize;
  }
  return sizes;
}

Result<void> TreeFetch::addFile(store::ImportSession& session, File& file,
                                const std::string& path) {
  if (file.held) return session.addExisting(path, file.plan->cid);
  if (file.size == 0 && file.plan->leaves.size() == 1) {
    if (auto made = file.partial.write(0, {}); !made) return made;
  }
  const auto work = session.workFolder();
  if (!work) return std::unexpected(work.error());
  const auto name = *work / fmt::format("{}", links_++);
  const bool named = giveAnotherName(file.partial.path(), name);
  const auto added = session.addFile(
      {.treePath = path,
       .source = named ? name : file.partial.path(),
       .expected = file.plan->cid,
       .origin = "what was fetched",
       .take = named ? store::ImportSession::Take::Move : store::ImportSession::Take::Copy},
      {.progress = {}, .stop = job_.stop});
  return added ? Result<void>() : std::unexpected(added.error());
}

Result<void> TreeFetch::keepAsImport(const std::vector<TreeEntry>& entries, const store::Pin& pin) {
  for (const auto& entry : entries) {
    auto added = entry.target   ? import_->addLink(entry.path, *entry.target)
                 : entry.folder ? import_->addEmptyFolder(entry.path)
                                : addFile(*import_, files_[fileOf_.at(entry.cid)], entry.path);
    if (!added) return added;
  }
  const auto kept = import_->commit(pin, root_);
  return kept ? Result<void>() : std::unexpected(kept.error());
}

/// Whole files first, under a pin of their own, then the blocks that name them.
Result<void> TreeFetch::keepMixed(const store::Pin& pin) {
  const auto hold = store_.beginHold();
  if (!hold) return std::unexpected(hold.error());
  std::size_t count = 0;
  for (auto& file : files_) {
    if (file.blockOnly) continue;
    const auto path = fmt::format("{}/{}", count / kFilesAFolder, count % kFilesAFolder);
    if (auto added = addFile(*import_, file, path); !added) return added;
    ++count;
  }
  if (count > 0) {
    const auto kept = import_->commit((*hold)->pin(root_));
    if (!kept) return std::unexpected(kept.error());
  }
  for (const auto& [cid, block] : plan_.otherNodes()) {
    if (auto put = putBlock(cid, *block); !put) return put;
  }
  return session_ ? session_->commit(pin) : store_.addPin(pin);
}

Result<void> TreeFetch::keep(const store::Pin& given) {
  auto pin = given;
  pin.cid = root_.normalized();
  const auto sizes = dagSizes();
  if (!sizes) return std::unexpected(sizes.error());
  const auto entries = plan_.asImport(*sizes);
  return entries ? keepAsImport(*entries, pin) : keepMixed(pin);
}

Result<void> TreeFetch::moveOnlyFile(const fs::path& target) {
  if (files_.size() != 1 || files_[0].plan->cid != root_.normalized() || files_[0].blockOnly) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{} is no file in the store's layout", root_.text()));
  }
  if (files_[0].held) {
    const auto written = store_.exportPath(root_, target, job_);
    return written ? Result<void>() : std::unexpected(written.error());
  }
  if (files_[0].size == 0) {
    if (auto made = files_[0].partial.write(0, {}); !made) return made;
  }
  std::error_code failure;
  fs::rename(files_[0].partial.path(), target, failure);
  if (failure) {
    return std::unexpected(base::fileError("can't move to", target, failure.value()));
  }
  return {};
}

}  // namespace

ContentFetch::ContentFetch(store::ContentStore& store, base::HttpClient& http,
                           ContentFetchOptions options)
    : state_(std::make_unique<State>(store, http, std::move(options))) {}
ContentFetch::~ContentFetch() = default;

Result<std::unique_ptr<ContentFetch>> ContentFetch::begin(store::ContentStore& store,
                                                          base::HttpClient& http,
                                                          ContentFetchOptions options) {
  auto settings = checkedSettings(std::move(options.settings));
  if (!settings) return std::unexpected(settings.error());
  options.settings = std::move(*settings);
  return std::unique_ptr<ContentFetch>(new ContentFetch(store, http, std::move(options)));
}

namespace {

class FetchedBlocks final : public cid::Blocks {
 public:
  using Get = std::function<Result<std::string>(const cid::Cid&)>;
  explicit FetchedBlocks(Get get) : get_(std::move(get)) {}

  Result<Bytes> get(const cid::Cid& cid) override {
    auto block = get_(cid);
    if (!block) return std::unexpected(block.error());
    return Bytes::copyOf(std::as_bytes(std::span(*block)));
  }

 private:
  Get get_;
};

}  // namespace

Result<cid::Cid> ContentFetch::resolve(const cid::Cid& root, std::string_view path,
                                       const std::stop_token& stop) {
  if (path.empty()) return root;
  FetchedBlocks blocks([&](const cid::Cid& cid) { return state_->block(cid, stop); });
  auto found = cid::resolvePath(blocks, root, path);
  if (!found) return std::unexpected(found.error());
  if (found->rest.empty()) return found->cid;
  return fail(ErrorCategory::Unsupported, fmt::format("{} leads to a value inside a block", path));
}

namespace {

Result<LockedFolder> lockDownloads(const fs::path& data, const cid::Cid& root,
                                   const store::JobOptions& job) {
  const auto name = root.normalized().text();
  return LockedFolder::open(data / "downloads" / ("ipfs-" + name), job.stop, [&] {
    if (job.progress) job.progress({store::Progress::Phase::Wait, name, 0, 0});
  });
}

}  // namespace

Result<Fetched> ContentFetch::fetch(const cid::Cid& root, const store::Pin& pin,
                                    const store::JobOptions& job) {
  auto downloads = lockDownloads(state_->options.data, root, job);
  if (!downloads) return std::unexpected(downloads.error());
  TreeFetch tree(state_->store, state_->blocks, state_->fromStore, downloads->path(), root, job,
                 [&](const BlockSink& sink, std::uint64_t total) {
                   return state_->runBlocks(sink, job, root, total);
                 });
  auto done = tree.bring();
  state_->keepScores();
  if (done) done = tree.keep(pin);
  if (!done) return std::unexpected(state_->named(done.error(), root));
  std::move(*downloads).remove();
  return Fetched{root, sources()};
}

Result<void> ContentFetch::fetchFile(const cid::Cid& file, const fs::path& target,
                                     const store::JobOptions& job) {
  auto downloads = lockDownloads(state_->options.data, file, job);
  if (!downloads) return std::unexpected(downloads.error());
  TreeFetch tree(state_->store, state_->blocks, state_->fromStore, downloads->path(), file, job,
                 [&](const BlockSink& sink, std::uint64_t total) {
                   return state_->runBlocks(sink, job, file, total);
                 });
  auto done = tree.bring();
  if (done) done = tree.moveOnlyFile(target);
  if (!done) return std::unexpected(state_->named(done.error(), file));
  std::move(*downloads).remove();
  return {};
}

std::vector<BytesOf> ContentFetch::sources() const {
  std::vector<BytesOf> all{{.source = "store", .bytes = state_->fromStore, .error = {}}};
  for (const auto& report : state_->blocks.reports()) {
    all.push_back({.source = report.source.name,
                   .bytes = report.bytes,
                   .lied = report.lied,
                   .error = report.error ? report.error->message : std::string()});
  }
  return all;
}

std::string liarText(const BytesOf& liar) {
  return fmt::format("{} sent wrong bytes and was asked nothing more: {}", liar.source, liar.error);
}

std::string sourcesJson(const std::vector<BytesOf>& sources) {
  boost::json::object object;
  for (const auto& one : sources) {
    if (one.bytes > 0) object[one.source] = one.bytes;
  }
  return boost::json::serialize(object);
}

}  // namespace webpool::sources

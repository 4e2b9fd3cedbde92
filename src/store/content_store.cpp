#include "store/content_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/paths.h"
#include "cid/resolve_path.h"
#include "store/assemble.h"
#include "store/disk_space.h"
#include "store/index.h"
#include "store/leaf_check.h"
#include "store/packs.h"
#include "store/resume_journal.h"
#include "store/staging.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

/// An index that is new where files are already: it was lost. Going on would take the files for
/// what an import left behind, and delete them.
Result<void> checkIndexIsThere(const std::filesystem::path& folder) {
  std::error_code none;
  const auto size = std::filesystem::file_size(folder / "index.sqlite", none);
  if (!none && size > 0) return {};
  std::error_code failure;
  const std::filesystem::directory_iterator files(folder / "files", failure);
  if (failure || files == std::filesystem::directory_iterator()) return {};
  return fail(ErrorCategory::Storage,
              fmt::format("the store {} has files and no index", folder.native()),
              "put its index.sqlite back; or move the folder away and add the models again");
}

Result<Resolved> resolveFolder(const TreeReader& reader, const cid::Cid& folder) {
  TreeBlocks blocks(reader);
  auto entries = cid::listFolder(blocks, folder);
  if (!entries) return std::unexpected(entries.error());
  ResolvedDirectory resolved{folder, {}};
  resolved.entries.reserve(entries->size());
  for (auto& entry : *entries) {
    resolved.entries.push_back(
        {std::move(entry.name), std::move(entry.cid), entry.size.value_or(0)});
  }
  std::ranges::sort(resolved.entries, {}, &DirectoryEntry::name);
  return Resolved(std::move(resolved));
}

}  // namespace

ContentStore::ContentStore(std::filesystem::path folder, base::RandomSource random)
    : folder_(std::move(folder)), random_(std::move(random)) {}
ContentStore::~ContentStore() = default;

Result<std::unique_ptr<ContentStore>> ContentStore::open(const std::filesystem::path& given,
                                                         base::RandomSource random) {
  const auto folder = base::absoluteFolder(given);
  for (const auto* name : {"files", "packs", "tmp", "locks"}) {
    if (auto made = base::makeFolders(folder / name); !made) return std::unexpected(made.error());
  }
  if (auto there = checkIndexIsThere(folder); !there) return std::unexpected(there.error());
  std::unique_ptr<ContentStore> store(new ContentStore(folder, std::move(random)));
  store->staging_ = std::make_unique<StagingArea>(folder / "tmp", store->random_);
  store->reserve_ =
      std::make_unique<SpaceReserve>(folder / "index.reserve", folder / "index.sqlite");
  store->reserve_->giveUpWhereFull();
  auto writer = Index::open(folder / "index.sqlite");
  if (!writer) return std::unexpected(writer.error());
  store->writer_ = std::move(*writer);
  auto reader = Index::open(folder / "index.sqlite");
  if (!reader) return std::unexpected(reader.error());
  store->reader_ = std::move(*reader);
  store->leafCheck_ = std::make_unique<LeafCheck>(*store->writer_);
  store->packs_ = std::make_unique<Packs>(folder / "packs");
  if (auto cut = store->packs_->cutTornTails(*store->writer_); !cut) {
    return std::unexpected(cut.error());
  }
  if (auto swept = store->staging_->sweep(); !swept) return std::unexpected(swept.error());
  if (auto dropped = store->dropDeadHolds(); !dropped) return std::unexpected(dropped.error());
  if (auto swept = store->sweepOrphans(); !swept) return std::unexpected(swept.error());
  store->reserve_->make();
  return store;
}

TreeReader ContentStore::tree() const {
  return {folder_, *reader_, *packs_, leafCheck_.get()};
}

Result<std::unique_ptr<ImportSession>> ContentStore::beginImport(std::string_view resume) {
  if (!resume.empty()) {
    const auto name = cid::hexText(cid::sha256(std::as_bytes(std::span(resume)))).substr(0, 32);
    auto kept = staging_->openKept(name);
    if (kept) {
      auto journal = ResumeJournal::open((*kept)->path());
      if (!journal) return std::unexpected(journal.error());
      return std::unique_ptr<ImportSession>(
          new ImportSession(*this, std::move(*kept), std::move(*journal)));
    }
    if (kept.error().category != ErrorCategory::Busy) return std::unexpected(kept.error());
  }
  auto folder = staging_->create();
  if (!folder) return std::unexpected(folder.error());
  return std::unique_ptr<ImportSession>(new ImportSession(*this, std::move(*folder), nullptr));
}

Result<std::uint64_t> ContentStore::dropUnfinished(bool dryRun) {
  const auto bytes = staging_->keptBytes();
  if (!bytes || dryRun) return bytes;
  if (auto swept = staging_->sweep(true); !swept) return std::unexpected(swept.error());
  return bytes;
}

Result<cid::Cid> ContentStore::resolveCid(const cid::Cid& root, std::string_view path) const {
  return tree().descend(root, path);
}

Result<Resolved> ContentStore::resolve(const cid::Cid& root, std::string_view path) const {
  const auto reader = tree();
  auto cid = reader.descend(root, path);
  if (!cid) return std::unexpected(cid.error());
  if (cid->codec() == cid::Codec::DagPb) {
    const auto entity = reader.entity(*cid);
    if (!entity) return std::unexpected(entity.error());
    if (std::holds_alternative<cid::DirectoryNode>(*entity) ||
        std::holds_alternative<cid::ShardNode>(*entity)) {
      return resolveFolder(reader, *cid);
    }
  }
  auto content = reader.onePiece(*cid);
  if (!content) return std::unexpected(content.error());
  if (*content) return Resolved(ResolvedFile{std::move(*cid), std::move(**content)});
  auto assembled = assemble(reader, *cid, folder_ / "tmp");
  if (!assembled) return std::unexpected(assembled.error());
  return Resolved(ResolvedFile{std::move(*cid), std::move(*assembled)});
}

Result<std::optional<Content>> ContentStore::onePiece(const cid::Cid& file) const {
  return tree().onePiece(file);
}

Result<Block> ContentStore::block(const cid::Cid& cid) const {
  auto content = tree().block(cid);
  if (!content) return std::unexpected(content.error());
  return Block{cid, std::move(*content)};
}

Result<Block> ContentStore::unhashedBlock(const cid::Cid& cid) const {
  auto content = TreeReader(folder_, *reader_, *packs_).block(cid);
  if (!content) return std::unexpected(content.error());
  return Block{cid, std::move(*content)};
}

std::optional<Bytes> ContentStore::intactBlock(const cid::Cid& cid) const {
  return tree().intactBlock(cid);
}

Result<std::vector<TreeFile>> ContentStore::listFiles(const cid::Cid& root) const {
  return tree().files(root);
}

Result<ContentDescription> ContentStore::describe(const cid::Cid& cid,
                                                  const std::stop_token& stop) const {
  return tree().describe(cid, stop);
}

Result<void> ContentStore::checkWalkable(const cid::Cid& root, const std::stop_token& stop) const {
  const auto size = tree().measure(root, stop, true);
  return size ? Result<void>() : std::unexpected(size.error());
}

Result<std::vector<ContentEntry>> ContentStore::list(const cid::Cid& cid) const {
  return tree().list(cid);
}

Result<void> ContentStore::read(const cid::Cid& file, const PieceSink& sink,
                                const JobOptions& options) const {
  return tree().read(file, sink, options);
}

Result<bool> ContentStore::hasFile(const cid::Cid& cid) const {
  auto row = reader_->fileByRoot(cid);
  if (!row) return std::unexpected(row.error());
  return *row && tree().open(**row).has_value();
}

Result<cid::Cid> ContentStore::findBySha256(const cid::Digest& sha256) const {
  auto row = reader_->fileBySha256(sha256);
  if (!row) return std::unexpected(row.error());
  if (!*row) {
    return fail(ErrorCategory::NotFound,
                fmt::format("the store holds no file with SHA-256 {}", cid::hexText(sha256)));
  }
  return (*row)->root;
}

Result<std::vector<Pin>> ContentStore::pins(std::string_view kind) const {
  return reader_->pins(kind);
}

Result<void> ContentStore::addPin(const Pin& pin) {
  return writer_->write([&]() -> Result<void> {
    // Inside the transaction nobody can collect the tree between the look and the pin.
    auto complete = TreeReader(folder_, *writer_, *packs_).checkComplete(pin.cid);
    if (!complete) return complete;
    return writer_->putPin(pin);
  });
}

Result<void> ContentStore::removePin(std::string_view kind, std::string_view name,
                                     std::optional<std::string_view> variant) {
  auto removed = writer_->write([&]() -> Result<void> {
    auto count = writer_->erasePin(kind, name, variant);
    if (!count) return std::unexpected(count.error());
    if (*count > 0) return {};
    return fail(ErrorCategory::NotFound,
                fmt::format("there is no {} \"{}\"{}", kind, name,
                            variant ? fmt::format(" with \"{}\"", *variant) : ""),
                fmt::format("webpool {} shows what there is",
                            kind == "model" ? "models list" : "content pin ls"));
  });
  if (!removed) return removed;
  auto freed = collect();
  if (!freed) return std::unexpected(freed.error());
  return {};
}

Result<void> ContentStore::unpin(const Pin& pin) {
  return writer_->write([&]() -> Result<void> {
    auto count = writer_->erasePin(pin.kind, pin.name, pin.variant);
    if (!count) return std::unexpected(count.error());
    if (*count > 0) return {};
    return fail(ErrorCategory::NotFound, fmt::format("there is no {} \"{}\"", pin.kind, pin.name));
  });
}

Result<void> ContentStore::remove(const cid::Cid& root) {
  auto all = pins();
  if (!all) return std::unexpected(all.error());
  std::vector<Pin> own;
  for (const auto& pin : *all) {
    if (pin.cid != root.normalized()) continue;
    if (pin.kind != "import") {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is used by the {} \"{}\"", root.text(), pin.kind, pin.name),
                  fmt::format("remove that {} first", pin.kind));
    }
    own.push_back(pin);
  }
  if (own.empty()) {
    return fail(ErrorCategory::NotFound, fmt::format("{} was not imported", root.text()),
                "only what was imported by itself can be removed by its CID");
  }
  for (const auto& pin : own) {
    if (auto removed = removePin(pin.kind, pin.name, pin.variant); !removed) return removed;
  }
  return {};
}

}  // namespace webpool::store

#include "store/packs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include <fmt/format.h>

#include "cid/varint.h"
#include "store/ingest.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

// The header of a CAR of version 1: 17 bytes of DAG-CBOR, {"roots": [], "version": 1}.
constexpr std::string_view kHeader("\x11\xa2\x65roots\x80\x67version\x01", 18);

// Offsets that are remembered as hashed; beyond, they are forgotten and hashed again.
constexpr std::size_t kMostHashed = 1u << 20;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::unexpected<Error> damaged(const cid::Cid& cid, const std::filesystem::path& path,
                               std::string_view what) {
  return fail(ErrorCategory::Integrity,
              fmt::format("the packed block {} {} ({})", cid.text(), what, path.native()),
              kDamageHint);
}

Result<void> writeAt(int file, std::span<const std::byte> bytes, std::uint64_t offset,
                     const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto wrote = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      // EFBIG: over the process's file size limit, which is as good as a full disk.
      return std::unexpected(base::fileError("can't write", path, errno == EFBIG ? ENOSPC : errno));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

}  // namespace

std::filesystem::path Packs::path(std::int64_t pack) const {
  return folder_ / fmt::format("{}.car", pack);
}

bool Packs::isHashed(std::int64_t pack, std::int64_t mtimeNs, std::uint64_t offset) {
  const std::scoped_lock lock(mutex_);
  const auto found = hashed_.find(pack);
  return found != hashed_.end() && found->second.mtimeNs == mtimeNs &&
         found->second.offsets.contains(offset);
}

void Packs::setHashed(std::int64_t pack, std::int64_t mtimeNs, std::uint64_t offset) {
  const std::scoped_lock lock(mutex_);
  auto& hashed = hashed_[pack];
  if (hashed.mtimeNs != mtimeNs || hashed.offsets.size() >= kMostHashed) {
    hashed.mtimeNs = mtimeNs;
    hashed.offsets.clear();
  }
  hashed.offsets.insert(offset);
}

void Packs::setDamaged(std::int64_t pack, std::uint64_t offset) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = hashed_.find(pack); found != hashed_.end()) {
    found->second.offsets.erase(offset);
  }
}

Result<StoredRegion> Packs::check(base::FileDescriptor file, const cid::Cid& cid,
                                  const PackedRow& row, bool always) {
  const auto at = path(row.pack);
  const auto state = stateOf(file.get(), at);
  if (!state) return std::unexpected(state.error());
  if (state->size < row.offset + row.length) return damaged(cid, at, "is cut off");
  StoredRegion region{std::make_shared<const base::FileDescriptor>(std::move(file)), row.offset,
                      row.length};
  if (!always && isHashed(row.pack, state->mtimeNs, row.offset)) return region;
  const auto bytes = readContent(region);
  if (!bytes) return std::unexpected(bytes.error());
  if (!cid.matches(bytes->view())) {
    setDamaged(row.pack, row.offset);
    return damaged(cid, at, "does not match its hash");
  }
  setHashed(row.pack, state->mtimeNs, row.offset);
  return region;
}

Result<std::optional<StoredRegion>> Packs::look(Index& index, const cid::Cid& cid, bool always) {
  std::int64_t gone = 0;  // the pack that was not there: it may just have been rewritten
  while (true) {
    const auto row = index.packed(cid);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::optional<StoredRegion>();
    const auto at = path((*row)->pack);
    if ((*row)->pack == gone) return damaged(cid, at, "is gone from the disk");
    auto file = base::openFile(at, O_RDONLY | O_NOFOLLOW);
    if (file) {
      auto region = check(std::move(*file), cid, **row, always);
      if (!region) return std::unexpected(region.error());
      return std::optional(std::move(*region));
    }
    if (file.error().category != ErrorCategory::NotFound) return std::unexpected(file.error());
    gone = (*row)->pack;
  }
}

Result<std::optional<StoredRegion>> Packs::find(Index& index, const cid::Cid& cid) {
  return look(index, cid, false);
}

Result<std::optional<StoredRegion>> Packs::findAndHash(Index& index, const cid::Cid& cid) {
  return look(index, cid, true);
}

Result<void> Packs::dropDamaged(Index& writer, std::span<const cid::Cid> doubles) {
  std::vector<std::pair<cid::Cid, PackedRow>> gone;
  for (const auto& cid : doubles) {
    const auto row = writer.packed(cid);
    if (!row) return std::unexpected(row.error());
    if (!*row) continue;
    const auto found = find(writer, cid);
    if (found || found.error().category != ErrorCategory::Integrity) continue;
    gone.emplace_back(cid, **row);
  }
  if (gone.empty()) return {};
  return writer.write([&]() -> Result<void> {
    for (const auto& [cid, place] : gone) {
      if (auto removed = writer.removePacked(cid, place); !removed) return removed;
    }
    return {};
  });
}

namespace {

/// The row of a pack whose lock is held. Where the file is longer, whoever wrote it last is dead,
/// and what it may have committed is either in the row or never will be.
Result<std::optional<PackRow>> settledPack(Index& writer, std::int64_t id,
                                           const std::filesystem::path& file) {
  auto row = writer.pack(id);
  std::error_code none;
  const auto size = std::filesystem::file_size(file, none);
  if (!row || !*row || none || size <= (*row)->size) return row;
  if (auto buried = writer.bury(); !buried) return std::unexpected(buried.error());
  return writer.pack(id);
}

}  // namespace

Result<void> Packs::cutTornTails(Index& writer) {
  const auto rows = writer.packs();
  if (!rows) return std::unexpected(rows.error());
  for (const auto& row : *rows) {
    const auto at = path(row.id);
    std::error_code none;
    if (!std::filesystem::exists(at, none)) continue;
    const auto lock = base::FileLock::tryAcquire(at);
    if (!lock) continue;  // someone writes it
    const auto now = settledPack(writer, row.id, at);
    if (!now) return std::unexpected(now.error());
    if (!*now) continue;
    const auto size = std::filesystem::file_size(at, none);
    if (!none && size > (*now)->size && ::truncate(at.c_str(), static_cast<off_t>((*now)->size))) {
      return std::unexpected(base::fileError("can't cut", at, errno));
    }
  }
  return {};
}

Result<std::vector<std::filesystem::path>> Packs::orphans(Index& writer) const {
  std::error_code failure;
  std::filesystem::directory_iterator entries(folder_, failure);
  if (failure) return std::unexpected(base::fileError("can't list", folder_, failure.value()));
  std::vector<std::filesystem::path> found;
  for (const auto& entry : entries) {
    const auto name = entry.path().stem().native();
    std::int64_t id = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
    if (parsed.ec != std::errc()) continue;
    const auto row = writer.pack(id);
    if (!row) return std::unexpected(row.error());
    if (!*row) found.push_back(entry.path());
  }
  return found;
}

Result<PackAppender> PackAppender::create(const Packs& packs, Index& writer) {
  std::optional<PackAppender> made;
  // Locked before anyone else can see its row, and would take it for dead.
  const auto added = writer.write([&]() -> Result<void> {
    const auto id = writer.addPack();
    if (!id) return std::unexpected(id.error());
    const auto at = packs.path(*id);
    auto file = base::openFile(at, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (!file) return std::unexpected(file.error());
    auto lock = base::FileLock::tryAcquire(at);
    if (!lock) return std::unexpected(lock.error());
    auto written = writeAt(file->get(), asBytes(kHeader), 0, at);
    if (!written) return written;
    made = PackAppender(*id, kHeader.size(), at, std::move(*lock), std::move(*file));
    const auto folder = base::openFile(packs.folder(), O_RDONLY | O_DIRECTORY);
    if (!folder) return std::unexpected(folder.error());
    if (::fsync(folder->get()) == 0) return {};
    return std::unexpected(base::fileError("can't flush", packs.folder(), errno));
  });
  if (!added) return std::unexpected(added.error());
  return std::move(*made);
}

Result<std::optional<PackAppender>> PackAppender::tryOpen(const Packs& packs, Index& writer,
                                                          std::int64_t id) {
  const auto at = packs.path(id);
  std::error_code none;
  if (!std::filesystem::exists(at, none)) return std::optional<PackAppender>();
  auto lock = base::FileLock::tryAcquire(at);
  if (!lock) return std::optional<PackAppender>();
  // Only now: whoever held the lock before may have written, or emptied and removed the pack.
  const auto row = settledPack(writer, id, at);
  if (!row) return std::unexpected(row.error());
  auto file = base::openFile(at, O_RDWR);
  if (!*row || !file) return std::optional<PackAppender>();
  const auto state = stateOf(file->get(), at);
  if (!state) return std::unexpected(state.error());
  const auto size = (*row)->size;
  // A pack that is shorter than it was is damaged: nothing more goes there.
  if (size < kHeader.size() || size >= kPackLimit || state->size < size) {
    return std::optional<PackAppender>();
  }
  if (::ftruncate(file->get(), static_cast<off_t>(size)) != 0) {
    return std::unexpected(base::fileError("can't cut", at, errno));
  }
  return std::optional(PackAppender(id, size, at, std::move(*lock), std::move(*file)));
}

Result<PackAppender> PackAppender::open(const Packs& packs, Index& writer) {
  const auto rows = writer.packs();
  if (!rows) return std::unexpected(rows.error());
  for (const auto& row : *rows) {
    if (row.size >= kPackLimit) continue;
    auto opened = tryOpen(packs, writer, row.id);
    if (!opened) return std::unexpected(opened.error());
    if (*opened) return std::move(**opened);
  }
  return create(packs, writer);
}

Result<PackedRow> PackAppender::append(const cid::Cid& cid, std::span<const std::byte> block) {
  const auto name = cid.normalized().bytes();
  std::string head;
  cid::appendVarint(head, name.size() + block.size());
  head += name;
  const PackedRow row{id_, size_ + head.size(), block.size()};
  auto written = writeAt(file_.get(), asBytes(head), size_, path_);
  if (written) written = writeAt(file_.get(), block, row.offset, path_);
  if (!written) {
    (void)::ftruncate(file_.get(), static_cast<off_t>(size_));  // else the next opening cuts it
    return std::unexpected(written.error());
  }
  size_ = row.offset + row.length;
  return row;
}

Result<void> PackAppender::flush() {
  if (::fdatasync(file_.get()) == 0) return {};
  return std::unexpected(base::fileError("can't flush", path_, errno));
}

}  // namespace webpool::store

#include "store/ingest.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "base/file.h"
#include "cid/tree.h"
#include "store/leaf_pipeline.h"

namespace webpool::store {
namespace {

using Path = std::filesystem::path;

// The disk begins to write while the rest is still being hashed.
constexpr std::uint64_t kWritebackStep = 8u << 20;

// Files from this size on go to the disk past the page cache: it saves a copy and the memory, which
// is why small files, which are read soon, do not.
constexpr std::uint64_t kDirectFrom = 64u << 20;

// A disk that takes so much of a file at less than this rate, one request after another, is given
// the rest through the page cache.
constexpr std::uint64_t kDirectTrial = 32u << 20;
constexpr double kDirectBytesPerSecond = 250e6;

/// EFBIG: over the process's file size limit, which is as good as a full disk.
std::unexpected<Error> writeError(const Path& path, int errnoValue) {
  return std::unexpected(
      base::fileError("can't write", path, errnoValue == EFBIG ? ENOSPC : errnoValue));
}

Result<void> writeLeaf(int file, std::span<const std::byte> bytes, std::uint64_t offset,
                       const Path& path) {
  while (!bytes.empty()) {
    const auto wrote = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return writeError(path, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

/// Writes the leaves of a file in order, past the page cache where that is wanted, possible and
/// fast.
class LeafWriter {
 public:
  LeafWriter(int file, const Path& path, bool direct) : file_(file), path_(path), wanted_(direct) {}

  /// `bytes` begin at a page boundary.
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) {
    auto written = writeOnce(bytes, offset);
    if (written && !direct_ && offset + bytes.size() - begun_ >= kWritebackStep) {
      const auto end = offset + bytes.size();
      ::sync_file_range(file_, static_cast<off_t>(begun_), static_cast<off_t>(end - begun_),
                        SYNC_FILE_RANGE_WRITE);
      begun_ = end;
    }
    return written;
  }

 private:
  using Clock = std::chrono::steady_clock;

  Result<void> writeOnce(std::span<const std::byte> bytes, std::uint64_t offset) {
    // Only whole leaves have a length that the disk takes as it is.
    if (bytes.size() != cid::kLeafSize) switchDirect(false);
    if (wanted_ && !direct_) wanted_ = switchDirect(true);
    const auto begun = Clock::now();
    auto written = writeLeaf(file_, bytes, offset, path_);
    if (!direct_) return written;
    if (!written) {  // Some file systems refuse only the write itself.
      if (switchDirect(false)) written = writeLeaf(file_, bytes, offset, path_);
      return written;
    }
    judge(bytes.size(), Clock::now() - begun);
    return written;
  }

  bool switchDirect(bool on) {
    if (!on) wanted_ = false;
    if (on == direct_) return true;
    const int flags = ::fcntl(file_, F_GETFL);
    if (flags < 0) return false;
    if (::fcntl(file_, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) != 0) return false;
    direct_ = on;
    return true;
  }

  void judge(std::uint64_t bytes, Clock::duration taken) {
    if (tried_ >= kDirectTrial) return;
    tried_ += bytes;
    trial_ += taken;
    const std::chrono::duration<double> seconds = trial_;
    const bool slow = static_cast<double>(tried_) < kDirectBytesPerSecond * seconds.count();
    if (tried_ >= kDirectTrial && slow) switchDirect(false);
  }

  int file_;
  const Path& path_;
  bool wanted_;
  bool direct_ = false;
  std::uint64_t begun_ = 0;  ///< up to here the disk was told to begin
  std::uint64_t tried_ = 0;
  Clock::duration trial_{};
};

/// Knows where a file has holes, where the file system tells.
class HoleFinder {
 public:
  HoleFinder(int file, std::uint64_t size) : file_(file), size_(size) {}

  /// Whether the whole leaf at `offset` lies inside the file and in a hole.
  bool isHole(std::uint64_t offset) {
    if (offset + cid::kLeafSize > size_) return false;
    if (nextData_ <= offset) {
      const auto data = ::lseek(file_, static_cast<off_t>(offset), SEEK_DATA);
      if (data >= 0) {
        nextData_ = static_cast<std::uint64_t>(data);
      } else {
        nextData_ = errno == ENXIO ? size_ : offset;  // ENXIO: a hole up to the end
      }
    }
    return offset + cid::kLeafSize <= nextData_;
  }

 private:
  int file_;
  std::uint64_t size_;
  std::uint64_t nextData_ = 0;
};

struct Stream {
  int source = -1;
  int target = -1;  ///< -1: hash only
  const Path& sourcePath;
  const Path& targetPath;
  std::uint64_t copied = 0;  ///< bytes that the target has already, of whole leaves
  bool stays = false;        ///< the target is the store's: nobody else waits to read it
};

/// Reads one leaf; its length, or none for a hole (a whole leaf).
Result<std::optional<std::size_t>> readLeaf(const Stream& stream, HoleFinder& holes,
                                            std::uint64_t offset, std::span<std::byte> buffer) {
  const bool there = offset < stream.copied;
  if (!there && holes.isHole(offset)) return std::optional<std::size_t>();
  auto length = there ? readAt(stream.target, buffer, offset, stream.targetPath)
                      : readAt(stream.source, buffer, offset, stream.sourcePath);
  if (!length) return std::unexpected(length.error());
  return std::optional(*length);
}

/// The loop of the filling thread; returns the size of the stream. Ends early when a leaf could not
/// be written.
Result<std::uint64_t> pump(const Stream& stream, std::uint64_t sizeHint, LeafPipeline& pipeline,
                           const IngestProgress& progress, const std::stop_token& stop) {
  HoleFinder holes(stream.source, sizeHint);
  std::uint64_t offset = 0;
  while (!pipeline.failed()) {
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    auto length = readLeaf(stream, holes, offset, pipeline.slot());
    if (!length) return std::unexpected(length.error());
    if (!*length) {
      pipeline.publishZeros();
    } else if (**length > 0) {
      pipeline.publish(**length, offset < stream.copied);
    }
    const auto read = length->value_or(static_cast<std::size_t>(cid::kLeafSize));
    offset += read;
    if (progress) progress(offset);
    if (read < cid::kLeafSize) return offset;
  }
  return offset;
}

/// A file of one leaf needs no thread, and its one hash is both.
Result<std::optional<Ingested>> ingestSmall(const Stream& stream, std::uint64_t sizeHint) {
  if (sizeHint >= cid::kLeafSize) return std::optional<Ingested>();
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(sizeHint + 1);
  const std::span<std::byte> span(buffer.get(), static_cast<std::size_t>(sizeHint + 1));
  auto length = readAt(stream.source, span, 0, stream.sourcePath);
  if (!length) return std::unexpected(length.error());
  if (*length > sizeHint) return std::optional<Ingested>();  // it grew
  if (stream.target >= 0) {
    auto written = writeLeaf(stream.target, span.first(*length), 0, stream.targetPath);
    if (!written) return std::unexpected(written.error());
  }
  const auto digest = cid::sha256(span.first(*length));
  return std::optional(Ingested{*length, digest, {digest}});
}

Result<Ingested> hashStream(const Stream& stream, std::uint64_t sizeHint,
                            LeafPipeline::Hashes hashes, const IngestProgress& progress,
                            const std::stop_token& stop, const LeafRecorder& onLeaves = {}) {
  if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
  auto small = ingestSmall(stream, sizeHint);
  if (!small) return std::unexpected(small.error());
  if (*small) {
    if (progress) progress((*small)->size);
    return std::move(**small);
  }
  LeafWriter writer(stream.target, stream.targetPath, stream.stays && sizeHint >= kDirectFrom);
  LeafSink sink;
  if (stream.target >= 0) {
    sink = [&](std::span<const std::byte> leaf, std::uint64_t offset) {
      return writer.write(leaf, offset);
    };
  }
  LeafPipeline pipeline(hashes, onLeaves, std::move(sink));
  auto size = pump(stream, sizeHint, pipeline, progress, stop);
  if (!size) return std::unexpected(size.error());
  auto digests = pipeline.finish();
  if (!digests) return std::unexpected(digests.error());
  return Ingested{*size, digests->whole, std::move(digests->leaves)};
}

/// Gives the target its final size, mode and place on the disk.
Result<void> seal(int target, const Path& path, Ingested& ingested) {
  // A hole at the end has not been written, so the file may still be too short.
  if (::ftruncate(target, static_cast<off_t>(ingested.size)) != 0) return writeError(path, errno);
  if (::fchmod(target, 0444) != 0) {
    return std::unexpected(base::fileError("can't change the mode of", path, errno));
  }
  ingested.flushed = ingested.size >= kFlushAtOnce;
  if (ingested.flushed && ::fsync(target) != 0) return writeError(path, errno);
  auto state = stateOf(target, path);
  if (!state) return std::unexpected(state.error());
  ingested.mtimeNs = state->mtimeNs;
  return {};
}

}  // namespace

Result<std::size_t> readAt(int file, std::span<std::byte> buffer, std::uint64_t offset,
                           const Path& path) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = ::pread(file, buffer.data() + filled, buffer.size() - filled,
                             static_cast<off_t>(offset + filled));
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(base::fileError("can't read", path, errno));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

namespace {

FileState asState(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return FileState{
      static_cast<std::uint64_t>(status.st_size),
      nanoseconds(status.st_mtim),
      nanoseconds(status.st_ctim),
      status.st_dev,
      status.st_ino,
      S_ISREG(status.st_mode),
  };
}

}  // namespace

Result<FileState> stateOf(int file, const Path& path) {
  struct stat status{};
  if (::fstat(file, &status) == 0) return asState(status);
  return std::unexpected(base::fileError("can't look at", path, errno));
}

Result<FileState> stateAt(const Path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return asState(status);
  return std::unexpected(base::fileError("can't look at", path, errno));
}

namespace {

struct Source {
  base::FileDescriptor file;
  FileState state;
};

/// A file to be imported.
Result<Source> openSource(const Path& path) {
  // O_NONBLOCK: a pipe in a folder must not hang the import; it is refused below.
  auto file = base::openFile(path, O_RDONLY | O_NONBLOCK);
  if (!file) return std::unexpected(file.error());
  auto state = stateOf(file->get(), path);
  if (!state) return std::unexpected(state.error());
  if (state->regular) return Source{std::move(*file), *state};
  return fail(ErrorCategory::InvalidArgument, fmt::format("{} is no regular file", path.native()),
              "import files or folders");
}

}  // namespace

namespace {

std::unexpected<Error> wasChanged(const Path& path) {
  return fail(ErrorCategory::Busy, fmt::format("{} was changed while it was read", path.native()),
              "try again when nothing writes to it any more");
}

/// That the file was not changed while `read` bytes of it were read: what was hashed was never in
/// it otherwise.
Result<void> checkUnchanged(const Source& from, std::uint64_t read, const Path& path) {
  const auto after = stateOf(from.file.get(), path);
  if (!after) return std::unexpected(after.error());
  if (after->mtimeNs == from.state.mtimeNs && after->ctimeNs == from.state.ctimeNs &&
      after->size == from.state.size && read == from.state.size) {
    return {};
  }
  return wasChanged(path);
}

}  // namespace

Result<Ingested> ingestCopy(const Path& source, const Path& target, const IngestProgress& progress,
                            std::stop_token stop, const CopyState& state) {
  auto from = openSource(source);
  if (!from) return std::unexpected(from.error());
  if (state.source && *state.source != from->state) return wasChanged(source);
  const bool anew = state.leaves.empty();
  auto to = base::openFile(target, O_RDWR | O_NOFOLLOW | (anew ? O_CREAT | O_EXCL : 0), 0600);
  if (!to) return std::unexpected(to.error());
  const bool shared = anew && ::ioctl(to->get(), FICLONE, from->file.get()) == 0;
  const Stream stream =
      shared ? Stream{to->get(), -1, target, target} : Stream{from->file.get(),
                                                              to->get(),
                                                              source,
                                                              target,
                                                              state.leaves.size() * cid::kLeafSize,
                                                              true};
  auto ingested = hashStream(stream, from->state.size, LeafPipeline::Hashes::LeavesAndWhole,
                             progress, stop, shared ? LeafRecorder() : state.onLeaves);
  if (!ingested) return ingested;
  if (ingested->leaves.size() < state.leaves.size() ||
      !std::ranges::equal(state.leaves, std::span(ingested->leaves).first(state.leaves.size()))) {
    return fail(ErrorCategory::Integrity,
                fmt::format("{} does not hold what was copied there", target.native()));
  }
  // Shared bytes are those of one moment.
  if (!shared) {
    auto same = checkUnchanged(*from, ingested->size, source);
    if (!same) return std::unexpected(same.error());
  }
  if (auto sealed = seal(to->get(), target, *ingested); !sealed) {
    return std::unexpected(sealed.error());
  }
  return ingested;
}

Result<Ingested> ingestInPlace(const Path& file, const IngestProgress& progress,
                               std::stop_token stop) {
  auto opened = base::openFile(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (!opened) return std::unexpected(opened.error());
  auto state = stateOf(opened->get(), file);
  if (!state) return std::unexpected(state.error());
  if (!state->regular) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is no regular file", file.native()));
  }
  auto ingested = hashStream({opened->get(), -1, file, file}, state->size,
                             LeafPipeline::Hashes::LeavesAndWhole, progress, stop);
  if (!ingested) return ingested;
  if (auto sealed = seal(opened->get(), file, *ingested); !sealed) {
    return std::unexpected(sealed.error());
  }
  return ingested;
}

Result<Ingested> hashFile(const Path& file, const IngestProgress& progress, std::stop_token stop) {
  const auto from = openSource(file);
  if (!from) return std::unexpected(from.error());
  auto hashed = hashStream({from->file.get(), -1, file, file}, from->state.size,
                           LeafPipeline::Hashes::LeavesAndWhole, progress, stop);
  if (!hashed) return hashed;
  auto same = checkUnchanged(*from, hashed->size, file);
  if (!same) return std::unexpected(same.error());
  return hashed;
}

Result<Ingested> ingestLinked(const Path& source, const IngestProgress& progress,
                              std::stop_token stop) {
  const auto from = openSource(source);
  if (!from) return std::unexpected(from.error());
  auto ingested = hashStream({from->file.get(), -1, source, source}, from->state.size,
                             LeafPipeline::Hashes::LeavesAndWhole, progress, stop);
  if (!ingested) return ingested;
  auto same = checkUnchanged(*from, ingested->size, source);
  if (!same) return std::unexpected(same.error());
  ingested->mtimeNs = from->state.mtimeNs;
  return ingested;
}

Result<std::vector<cid::Digest>> copyOut(int file, const Path& path, const Path& target,
                                         const IngestProgress& progress, std::stop_token stop) {
  const auto state = stateOf(file, path);
  if (!state) return std::unexpected(state.error());
  const auto to = base::openFile(target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
  if (!to) return std::unexpected(to.error());
  const bool shared = ::ioctl(to->get(), FICLONE, file) == 0;
  const Stream stream =
      shared ? Stream{to->get(), -1, target, target} : Stream{file, to->get(), path, target};
  auto hashed = hashStream(stream, state->size, LeafPipeline::Hashes::LeavesOnly, progress, stop);
  if (!hashed) return std::unexpected(hashed.error());
  // A hole at the end has not been written, so the file may still be too short.
  if (::ftruncate(to->get(), static_cast<off_t>(hashed->size)) != 0) {
    return writeError(target, errno);
  }
  return std::move(hashed->leaves);
}

Result<std::vector<cid::Digest>> hashLeaves(int file, const Path& path,
                                            const IngestProgress& progress, std::stop_token stop) {
  auto state = stateOf(file, path);
  if (!state) return std::unexpected(state.error());
  auto hashed = hashStream({file, -1, path, path}, state->size, LeafPipeline::Hashes::LeavesOnly,
                           progress, stop);
  if (!hashed) return std::unexpected(hashed.error());
  return std::move(hashed->leaves);
}

}  // namespace webpool::store

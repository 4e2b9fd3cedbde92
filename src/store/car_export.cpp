// CARs out of the store: small heads, and leaves that the kernel copies from file to file.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "base/file.h"
#include "cid/car.h"
#include "store/car_file.h"
#include "store/content_store.h"
#include "store/new_file.h"
#include "store/new_folder.h"
#include "store/resolve.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffered = 256u << 10;
// Between looks at whether the call is to end.
constexpr std::uint64_t kStep = 16u << 20;

/// Remembers where the leaf lies whose size was asked for last.
class LeafPlaces final : public cid::Blocks {
 public:
  explicit LeafPlaces(const ContentStore& store) : store_(store) {}

  Result<Bytes> get(const cid::Cid& cid) override {
    const auto found = store_.unhashedBlock(cid);
    if (!found) return std::unexpected(found.error());
    return readContent(found->content);
  }

  Result<std::uint64_t> sizeOf(const cid::Cid& cid) override {
    auto found = store_.unhashedBlock(cid);
    if (!found) return std::unexpected(found.error());
    last_ = std::move(found->content);
    return contentSize(last_);
  }

  const Content& last() const { return last_; }

 private:
  const ContentStore& store_;
  Content last_;
};

/// How the kernel takes bytes out of one file into another; the next one where one can't.
enum class Way { CopyRange, Sendfile, Through };

class CarOutput {
 public:
  CarOutput(int file, const fs::path& path, const std::stop_token& stop)
      : file_(file), path_(path), stop_(stop) {}

  Result<void> add(std::string_view bytes) {
    waiting_ += bytes;
    return waiting_.size() < kBuffered ? Result<void>() : flush();
  }

  Result<void> add(const StoredRegion& region) {
    if (auto done = flush(); !done) return done;
    auto offset = static_cast<off_t>(region.offset);
    const auto end = static_cast<off_t>(region.offset + region.length);
    while (offset < end) {
      if (stop_.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
      const auto count = static_cast<std::size_t>(std::min<off_t>(end - offset, kStep));
      const auto moved = move(region.file->get(), offset, count);
      if (!moved) return std::unexpected(moved.error());
      if (*moved == 0) {
        return fail(ErrorCategory::Integrity, "a stored file ends before its recorded size",
                    kDamageHint);
      }
      written_ += *moved;
    }
    return {};
  }

  Result<void> flush() {
    if (stop_.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    auto done = base::writeAll(file_, std::as_bytes(std::span(waiting_)), path_);
    written_ += waiting_.size();
    waiting_.clear();
    return done;
  }

  std::uint64_t written() const { return written_ + waiting_.size(); }

 private:
  Result<std::size_t> move(int from, off_t& offset, std::size_t count) {
    while (way_ != Way::Through) {
      const auto moved = way_ == Way::CopyRange
                             ? ::copy_file_range(from, &offset, file_, nullptr, count, 0)
                             : ::sendfile(file_, from, &offset, count);
      if (moved > 0) return static_cast<std::size_t>(moved);
      // No bytes, though there are some: there are file systems that say so where they can't.
      if (moved < 0 && errno == EINTR) continue;
      if (moved < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EPIPE)) {
        return std::unexpected(base::fileError("can't write", path_, errno));
      }
      way_ = way_ == Way::CopyRange ? Way::Sendfile : Way::Through;
    }
    return copy(from, offset, count);
  }

  Result<std::size_t> copy(int from, off_t& offset, std::size_t count) {
    buffer_.resize(std::min(count, kBuffered));
    const auto got = ::pread(from, buffer_.data(), buffer_.size(), offset);
    if (got < 0) return std::unexpected(base::fileError("can't read", "a stored file", errno));
    const auto bytes = std::as_bytes(std::span(buffer_)).first(static_cast<std::size_t>(got));
    if (auto done = base::writeAll(file_, bytes, path_); !done) {
      return std::unexpected(done.error());
    }
    offset += got;
    return static_cast<std::size_t>(got);
  }

  int file_;
  const fs::path& path_;
  const std::stop_token& stop_;
  Way way_ = Way::CopyRange;
  std::string waiting_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

Result<void> addBlock(CarOutput& output, const LeafPlaces& places, const cid::DagWalk::Step& step) {
  if (auto done = output.add(cid::carSectionHead(step.cid, step.size)); !done) return done;
  if (step.cid.codec() != cid::Codec::Raw) return output.add(step.block.text());
  if (const auto* bytes = std::get_if<Bytes>(&places.last())) return output.add(bytes->text());
  return output.add(std::get<StoredRegion>(places.last()));
}

}  // namespace

Result<CarWritten> writeCar(const ContentStore& store, const cid::Cid& root, cid::DagScope scope,
                            int file, const fs::path& path, const JobOptions& options) {
  LeafPlaces places(store);
  CarOutput output(file, path, options.stop);
  if (auto done = output.add(cid::carHeader(std::span(&root, 1))); !done) {
    return std::unexpected(done.error());
  }
  // Where it can be told: a folder of values can't be described.
  const auto about = store.describe(root, options.stop);
  const std::uint64_t total = about && scope == cid::DagScope::All ? about->dagSize : 0;
  CarWritten result;
  cid::DagWalk walk(places, root, {.scope = scope, .leaves = false});
  while (true) {
    if (options.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    const auto step = walk.next();
    if (!step) return std::unexpected(step.error());
    if (!*step) break;
    if (auto done = addBlock(output, places, **step); !done) return std::unexpected(done.error());
    ++result.blocks;
    if (options.progress) {
      options.progress({Progress::Phase::Import, "", std::min(output.written(), total), total});
    }
  }
  if (auto done = output.flush(); !done) return std::unexpected(done.error());
  result.bytes = output.written();
  return result;
}

Result<CarWritten> exportCar(const ContentStore& store, const cid::Cid& root, cid::DagScope scope,
                             const fs::path& target, const JobOptions& options) {
  std::error_code none;
  if (fs::exists(fs::symlink_status(target, none))) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} is there already", target.native()),
                "give another path, or move it away");
  }
  const auto finally = fs::absolute(target, none);
  if (!fs::is_directory(finally.parent_path(), none)) {
    return fail(ErrorCategory::NotFound,
                fmt::format("there is no folder {}", finally.parent_path().native()),
                "make it first, or give another path");
  }
  const auto between = NewFolder::beside(finally, store.random());
  if (!between) return std::unexpected(between.error());
  const auto content = (*between)->content();
  const auto file = base::openFile(content, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
  if (!file) return std::unexpected(file.error());
  auto written = writeCar(store, root, scope, file->get(), target, options);
  if (!written) return written;
  if (auto named = renameToNew(content, finally); !named) return std::unexpected(named.error());
  return written;
}

}  // namespace webpool::store

// CARs into the store, block by block.
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include <fmt/format.h>

#include "base/file.h"
#include "cid/car.h"
#include "store/block_session.h"
#include "store/car_file.h"
#include "store/content_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 1u << 20;
constexpr int kLookMs = 200;

/// The next bytes, none at the end. A pipe that gives nothing is waited for until the call is to
/// end.
Result<std::size_t> readPiece(int file, std::span<std::byte> buffer, const fs::path& path,
                              const std::stop_token& stop) {
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    pollfd ready{file, POLLIN, 0};
    if (::poll(&ready, 1, kLookMs) == 0) continue;
    const auto got = ::read(file, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR && errno != EAGAIN) {
      return std::unexpected(base::fileError("can't read", path, errno));
    }
  }
}

/// 0 where it can't be told.
std::uint64_t sizeOf(int file) {
  struct stat status{};
  const bool known = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  return known ? static_cast<std::uint64_t>(status.st_size) : 0;
}

class CarImporter {
 public:
  CarImporter(BlockSession& session, int file, const fs::path& path, const CarImport& how,
              const JobOptions& options)
      : session_(session),
        file_(file),
        path_(path),
        how_(how),
        options_(options),
        reader_(how.skipForeign ? cid::CarReader::Foreign::PassOver
                                : cid::CarReader::Foreign::Refuse) {}

  Result<CarRead> run() {
    std::vector<std::byte> buffer(kPiece);
    Progress progress{Progress::Phase::Import, path_.native(), 0, sizeOf(file_)};
    while (true) {
      const auto got = readPiece(file_, buffer, path_, options_.stop);
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      result_.bytes += *got;
      reader_.push(std::span(buffer).first(*got));
      if (auto taken = takeBlocks(); !taken) return std::unexpected(taken.error());
      progress.done = result_.bytes;
      if (options_.progress) options_.progress(progress);
    }
    if (auto whole = reader_.finish(); !whole) return std::unexpected(named(whole.error()));
    if (auto done = session_.flush(); !done) return std::unexpected(done.error());
    result_.roots = reader_.roots();
    result_.passedOver = reader_.passedOver();
    return std::move(result_);
  }

 private:
  Error named(Error error) const {
    error.message = fmt::format("{}: {}", path_.native(), error.message);
    return error;
  }

  Result<void> takeBlocks() {
    while (true) {
      const auto block = reader_.next();
      if (!block) return std::unexpected(named(block.error()));
      if (auto right = checkRoots(); !right) return right;
      if (!*block) return {};
      auto put = session_.put((*block)->cid, std::as_bytes(std::span((*block)->bytes)));
      if (!put) return put;
      ++result_.blocks;
    }
  }

  /// Before anything of a CAR is stored that can't be pinned as it was asked for.
  Result<void> checkRoots() const {
    if (!reader_.hasHeader() || (!how_.pin && how_.name.empty())) return {};
    const auto count = reader_.roots().size();
    if (count == 1 || (count > 1 && how_.name.empty())) return {};
    return fail(ErrorCategory::InvalidArgument,
                count == 0 ? fmt::format("{} names no root that could be pinned", path_.native())
                           : fmt::format("{} has {} roots, and one name is given for them",
                                         path_.native(), count),
                count == 0 ? "import it without a pin, and pin what is wanted of it"
                           : "pin each under its CID, without a name");
  }

  BlockSession& session_;
  int file_;
  const fs::path& path_;
  const CarImport& how_;
  const JobOptions& options_;
  cid::CarReader reader_;
  CarRead result_;
};

}  // namespace

Result<CarRead> importCar(ContentStore& store, int file, const fs::path& path, const CarImport& how,
                          const JobOptions& options) {
  // Holds what it takes until it is pinned.
  const auto session = store.beginBlocks();
  if (!session) return std::unexpected(session.error());
  auto read = CarImporter(**session, file, path, how, options).run();
  if (!read) (void)(*session)->flush();  // what was good stays until the next collection
  if (!read || (!how.pin && how.name.empty())) return read;
  for (const auto& root : read->roots) {
    const auto name = how.name.empty() ? root.normalized().text() : how.name;
    const auto pinned = store.addPin({"pin", name, "", root, 0, ""});
    if (pinned) continue;
    auto error = pinned.error();
    if (error.category == ErrorCategory::NotFound) {
      error.message = fmt::format("{} does not hold all that lies below its root {}: {}",
                                  path.native(), root.text(), error.message);
      error.hint = "import the rest, then pin it; until the next gc what came is here";
    } else {
      error.message = fmt::format("the root {} of {} can't be pinned: {}", root.text(),
                                  path.native(), error.message);
    }
    return std::unexpected(std::move(error));
  }
  return read;
}

}  // namespace webpool::store

// Looking for rot: ContentStore::scrub.
#include <algorithm>
#include <chrono>
#include <thread>

#include "store/content_store.h"
#include "store/index.h"
#include "store/packs.h"
#include "store/rehash.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

using Clock = std::chrono::steady_clock;

/// Keeps to so many bytes a second, on the whole.
class Pace {
 public:
  Pace(std::uint64_t bytesPerSecond, const std::stop_token& stop)
      : bytesPerSecond_(bytesPerSecond), stop_(stop) {}

  /// Waits as long as those bytes cost, or until it is asked to stop.
  void spend(std::uint64_t bytes) {
    if (bytesPerSecond_ == 0) return;
    spent_ += bytes;
    const auto due =
        begun_ + std::chrono::nanoseconds(static_cast<std::int64_t>(
                     static_cast<double>(spent_) * 1e9 / static_cast<double>(bytesPerSecond_)));
    while (!stop_.stop_requested() && Clock::now() < due) {
      std::this_thread::sleep_for(
          std::min<Clock::duration>(due - Clock::now(), std::chrono::milliseconds(100)));
    }
  }

 private:
  std::uint64_t bytesPerSecond_;
  const std::stop_token& stop_;
  std::uint64_t spent_ = 0;
  Clock::time_point begun_ = Clock::now();
};

/// Begins anywhere, so that short runs reach everything in time.
template <class T>
void turn(std::vector<T>& all, const base::RandomSource& random) {
  if (all.empty()) return;
  std::uint32_t number = 0;
  random(std::as_writable_bytes(std::span(&number, 1)));
  std::ranges::rotate(all, all.begin() + static_cast<std::ptrdiff_t>(number % all.size()));
}

class Scrub {
 public:
  Scrub(const std::filesystem::path& folder, Index& reader, Index& writer, Packs& packs,
        const ScrubOptions& how, const JobOptions& options)
      : folder_(folder),
        reader_(reader),
        writer_(writer),
        packs_(packs),
        how_(how),
        options_(options),
        pace_(how.bytesPerSecond, options_.stop) {}

  Result<void> files(const base::RandomSource& random) {
    auto rows = reader_.files();
    if (!rows) return std::unexpected(rows.error());
    turn(*rows, random);
    for (const auto& listed : *rows) {
      const auto row = reader_.fileByRoot(listed.root);
      if (!row) return std::unexpected(row.error());
      if (!*row) continue;  // removed meanwhile
      std::uint64_t before = 0;
      const auto report = [&](std::uint64_t done) {
        pace_.spend(done - before);
        before = done;
      };
      const auto hashed =
          rehash(writer_, storedPath(folder_, (*row)->sha256), **row, report, options_.stop);
      if (auto noted = note((*row)->root, (*row)->stamp.size, hashed); !noted) return noted;
    }
    return {};
  }

  Result<void> blocks(const base::RandomSource& random) {
    auto nodes = reader_.nodeCids();
    if (!nodes) return std::unexpected(nodes.error());
    auto packed = reader_.packedCids();
    if (!packed) return std::unexpected(packed.error());
    turn(*packed, random);
    for (const auto& bytes : *nodes) {
      if (auto done = node(bytes); !done) return done;
    }
    for (const auto& bytes : *packed) {
      if (auto done = packedBlock(bytes); !done) return done;
    }
    return {};
  }

  ScrubReport take() { return std::move(report_); }

 private:
  static Result<cid::Cid> cidOf(const std::string& bytes) {
    return cid::Cid::fromBytes(std::as_bytes(std::span(bytes)));
  }

  Result<void> node(const std::string& bytes) {
    const auto cid = cidOf(bytes);
    if (!cid) return std::unexpected(cid.error());
    const auto block = TreeReader(folder_, reader_, packs_).nodeBlock(*cid);
    return note(*cid, block ? block->size() : 0, block);
  }

  Result<void> packedBlock(const std::string& bytes) {
    const auto cid = cidOf(bytes);
    if (!cid) return std::unexpected(cid.error());
    const auto region = packs_.findAndHash(reader_, *cid);
    const auto size = region && *region ? (*region)->length : 0;
    pace_.spend(size);
    return note(*cid, size, region);
  }

  template <class T>
  Result<void> note(const cid::Cid& cid, std::uint64_t bytes, const Result<T>& outcome) {
    if (options_.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    report_.bytes += bytes;
    ++report_.checked;
    if (options_.progress) {
      options_.progress({Progress::Phase::Verify, cid.text(), report_.bytes, 0});
    }
    if (outcome || outcome.error().category == ErrorCategory::NotFound) return {};
    if (outcome.error().category != ErrorCategory::Integrity) {
      return std::unexpected(outcome.error());
    }
    report_.damaged.push_back(cid);
    if (how_.onDamage) how_.onDamage(cid, outcome.error());
    return {};
  }

  const std::filesystem::path& folder_;
  Index& reader_;
  Index& writer_;
  Packs& packs_;
  const ScrubOptions& how_;
  const JobOptions& options_;
  Pace pace_;
  ScrubReport report_;
};

}  // namespace

Result<ScrubReport> ContentStore::scrub(const ScrubOptions& how, const JobOptions& options) {
  Scrub scrub(folder_, *reader_, *writer_, *packs_, how, options);
  if (auto done = scrub.files(random_); !done) return std::unexpected(done.error());
  if (auto done = scrub.blocks(random_); !done) return std::unexpected(done.error());
  return scrub.take();
}

Result<void> ContentStore::recheck(const cid::Cid& cid, const std::stop_token& stop) {
  const auto row = reader_->fileByRoot(cid);
  if (!row) return std::unexpected(row.error());
  if (*row) {
    auto hashed = rehash(*writer_, storedPath(folder_, (*row)->sha256), **row, {}, stop);
    if (!hashed) return hashed;
  }
  const auto packed = packs_->findAndHash(*reader_, cid);
  if (!packed) return std::unexpected(packed.error());
  const auto node = reader_->node(cid);
  if (!node) return std::unexpected(node.error());
  if (!*node) return {};
  const auto block = tree().nodeBlock(cid);
  return block ? Result<void>() : std::unexpected(block.error());
}

}  // namespace webpool::store

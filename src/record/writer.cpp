// The record's thread: takes rows that wait, opens the file, writes them, closes it.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "record/rows.h"
#include "record/schema.h"
#include "webpool/record.h"

namespace webpool::record {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{100};
constexpr milliseconds kLongestWait{10'000};
constexpr int kNiceness = 10;

/// The next try may go better.
bool mayPass(ErrorCategory category) {
  return category == ErrorCategory::Busy || category == ErrorCategory::NoSpace ||
         category == ErrorCategory::Storage;
}

class Writer final : public Record {
 public:
  explicit Writer(RecordOptions options)
      : options_(std::move(options)), session_(thisSession()), thread_([this] { work(); }) {}
  ~Writer() override { close(); }

  void ran(RecordedRun run) override { push(std::move(run), ++runs_); }
  void loaded(RecordedLoad load) override { push(std::move(load), 0); }
  void left(RecordedConnection connection) override { push(std::move(connection), 0); }

  Counts counts() const override {
    const std::lock_guard lock(mutex_);
    return {written_, waiting_.size() + underWay_, lost_};
  }

  std::optional<Error> trouble() const override {
    std::unique_lock lock(mutex_);
    const bool known = firstTry_.wait_for(lock, options_.patience, [this] { return tried_; });
    if (known) return latestError_;
    return Error{ErrorCategory::Timeout,
                 fmt::format("{} takes long to open", options_.file.native()), "ask again later"};
  }

  void close() override {
    const std::lock_guard once(closing_);
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      nextTry_ = Clock::now();
      giveUpAt_ = nextTry_ + options_.patience;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void push(Row row, std::uint64_t number) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || hopeless_ || waiting_.size() + underWay_ >= options_.capacity) {
        ++lost_;
        return;
      }
      if (waiting_.empty()) oldest_ = Clock::now();
      waiting_.push_back({number, std::move(row)});
      wake = waiting_.size() == 1 || waiting_.size() == full();
    }
    if (wake) wake_.notify_one();
  }

  /// Rows that are not made to wait for more.
  std::size_t full() const { return std::max<std::size_t>(1, options_.capacity / 2); }

  bool isDue(Clock::time_point now) const {
    if (trouble_) return now >= nextTry_;
    return closed_ || !begun_ || waiting_.size() >= full() ||
           (!waiting_.empty() && now >= oldest_ + options_.writeEvery);
  }

  void waitUntilDue(std::unique_lock<std::mutex>& lock) {
    while (!isDue(Clock::now())) {
      if (trouble_) {
        wake_.wait_until(lock, nextTry_);
      } else if (waiting_.empty()) {
        wake_.wait(lock);
      } else {
        wake_.wait_until(lock, oldest_ + options_.writeEvery);
      }
    }
  }

  void work() {
    // Of this thread alone, on Linux.
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
    std::unique_lock lock(mutex_);
    while (true) {
      waitUntilDue(lock);
      if (closed_ && begun_ && waiting_.empty() && batch_.empty()) break;
      std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(batch_));
      underWay_ = batch_.size();
      lock.unlock();
      const auto done = write();
      lock.lock();
      latestError_ = done ? std::nullopt : std::optional(done.error());
      tried_ = true;
      firstTry_.notify_all();
      if (done) {
        written_ += batch_.size();
        forgetBatch();
        trouble_ = false;
        wait_ = kFirstWait;
        if (lost_ > 0 && !closed_) tellOnce(lock, "lost", "rows come faster than they are written");
        continue;
      }
      const auto& error = done.error();
      if (!mayPass(error.category)) {
        hopeless_ = true;
        tellOnce(lock, "hopeless", fmt::format("no record is kept: {}", error.describe()));
        break;
      }
      tellOnce(lock, std::string(categoryName(error.category)),
               fmt::format("the record waits: {}", error.describe()));
      trouble_ = true;
      nextTry_ = Clock::now() + (closed_ ? kFirstWait : wait_);
      wait_ = std::min(wait_ * 2, kLongestWait);
      // Space does not come by waiting a moment; another process goes.
      if (closed_ && (error.category != ErrorCategory::Busy || Clock::now() >= giveUpAt_)) break;
    }
    lost_ += batch_.size() + waiting_.size();
    forgetBatch();
    waiting_.clear();
    while (!closed_) wake_.wait(lock);  // to tell in the end what that cost
    if (lost_ > 0) {
      tellOnce(lock, "end",
               fmt::format("{} row{} could not be written to {}", lost_, lost_ == 1 ? "" : "s",
                           options_.file.native()));
    }
  }

  void forgetBatch() {
    batch_.clear();
    underWay_ = 0;
  }

  /// On the record's thread, without the lock.
  Result<void> write() {
    if (!library_) {
      auto loaded = duckdb::load();
      if (!loaded) return std::unexpected(loaded.error());
      library_ = std::move(*loaded);
    }
    auto database = Database::open(library_, options_.file, Access::Write);
    if (!database) return std::unexpected(database.error());
    const auto version = versionOf(**database);
    if (!version) return std::unexpected(version.error());
    if (auto migrated = migrate(**database); !migrated) return migrated;
    // Somebody has taken the file away, and this is a new one.
    if (*version == 0) begun_ = false;
    if (auto written = writeRows(**database); !written) return written;
    if (!std::exchange(begun_, true)) tellOfViews(**database);
    return {};
  }

  Result<void> writeRows(Database& database) {
    if (auto begun = database.execute("BEGIN TRANSACTION"); !begun) return begun;
    auto done = begun_ ? Result<void>{} : append(database, session_);
    if (done) done = append(database, session_, batch_);
    if (done) done = database.execute("COMMIT");
    if (!done) (void)database.execute("ROLLBACK");
    return done;
  }

  void tellOfViews(Database& database) {
    const auto inTheWay = viewsInTheWay(database);
    if (!inTheWay || inTheWay->empty() || !options_.notice) return;
    options_.notice(fmt::format(
        "{} has tables {} of another program: those of this one are in its schema webpool",
        options_.file.native(), fmt::join(*inTheWay, ", ")));
  }

  void tellOnce(std::unique_lock<std::mutex>& lock, const std::string& kind,
                const std::string& text) {
    if (!options_.notice || !told_.insert(kind).second) return;
    lock.unlock();
    options_.notice(text);
    lock.lock();
  }

  const RecordOptions options_;
  const Session session_;
  std::atomic<std::uint64_t> runs_{0};
  std::mutex closing_;

  mutable std::mutex mutex_;  ///< for what follows
  std::condition_variable wake_;
  mutable std::condition_variable firstTry_;
  std::vector<NumberedRow> waiting_;
  Clock::time_point oldest_{};
  std::size_t underWay_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
  bool closed_ = false;
  bool hopeless_ = false;
  bool trouble_ = false;  ///< the last try failed
  bool tried_ = false;
  std::optional<Error> latestError_;  ///< of the last try
  Clock::time_point nextTry_{};
  Clock::time_point giveUpAt_{};

  // Of the record's thread.
  std::shared_ptr<const duckdb::Library> library_;
  std::vector<NumberedRow> batch_;
  bool begun_ = false;  ///< the session is in the file
  milliseconds wait_ = kFirstWait;
  std::set<std::string> told_;

  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace
}  // namespace webpool::record

namespace webpool {

std::shared_ptr<Record> openRecord(RecordOptions options) {
  return std::make_shared<record::Writer>(std::move(options));
}

}  // namespace webpool

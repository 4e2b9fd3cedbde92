// kill -9 at random points of imports, of sessions of blocks and of collections, two processes at a
// time: the store opens, all that is pinned is whole, and nothing that was acknowledged is lost.
// WEBPOOL_KILL_ROUNDS says how often (12 else).
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "store/block_session.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// What a process does until it is killed. Each thing that it may rely on it tells over the pipe
/// the moment that the store has acknowledged it.
class Worker {
 public:
  Worker(ContentStore& store, fs::path folder, unsigned seed, int pipe)
      : store_(store), folder_(std::move(folder)), random_(seed), seed_(seed), pipe_(pipe) {}

  int run() {
    while (true) {
      const auto choice = random_() % 10;
      if (!(choice < 4 ? import() : choice < 8 ? blocks() : drop())) return 1;
    }
  }

 private:
  void tell(const std::string& line) {
    if (::write(pipe_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(9);
  }

  std::string bytes(std::size_t size) {
    auto text = pattern(size);
    const auto mark = fmt::format("{}-{}", seed_, count_++);
    return text.replace(0, std::min(mark.size(), size), mark);
  }

  bool import() {
    const auto path = folder_ / fmt::format("{}-{}", seed_, count_);
    constexpr std::size_t kSizes[] = {20, 50'000, 2'500'000, 18'000'000};
    writeFile(path, bytes(kSizes[random_() % 4]));
    const auto imported =
        store_.importPath(path, {}, {.hardLink = random_() % 4 == 0, .resume = true});
    if (!imported) return complain(imported.error());
    tell(fmt::format("P {} {}\n", path.native(), imported->root.text()));
    pins_.push_back({"import", path.native(), "", imported->root, 0, ""});
    return true;
  }

  bool blocks() {
    auto session = store_.beginBlocks();
    if (!session) return complain(session.error());
    cid::Cid last;
    for (unsigned i = 0, count = 1 + random_() % 6; i < count; ++i) {
      const auto block = bytes(1 + random_() % 400'000);
      last = cid::Cid::of(cid::Codec::Raw, asBytes(block));
      if (auto put = (*session)->put(last, asBytes(block)); !put) return complain(put.error());
      if (random_() % 2 == 0) continue;
      if (auto flushed = (*session)->flush(); !flushed) return complain(flushed.error());
      tell(fmt::format("B {}\n", last.text()));
    }
    const auto name = fmt::format("{}-{}", seed_, count_++);
    if (auto done = (*session)->commit({"pin", name, "", last, 0, ""}); !done) {
      return complain(done.error());
    }
    tell(fmt::format("P {} {}\n", name, last.text()));
    pins_.push_back({"pin", name, "", last, 0, ""});
    tell("E\n");  // what is not pinned may go from here on
    return true;
  }

  bool drop() {
    if (!pins_.empty()) {
      const auto at = pins_.begin() + static_cast<std::ptrdiff_t>(random_() % pins_.size());
      tell(fmt::format("U {}\n", at->name));
      if (auto gone = store_.unpin(*at); !gone) return complain(gone.error());
      pins_.erase(at);
    }
    const auto collected = store_.collect();
    return collected ? true : complain(collected.error());
  }

  static bool complain(const Error& error) {
    std::fprintf(stderr, "%s\n", error.describe().c_str());
    return false;
  }

  ContentStore& store_;
  fs::path folder_;
  std::mt19937 random_;
  unsigned seed_;
  int pipe_;
  unsigned count_ = 0;
  std::vector<Pin> pins_;
};

struct Child {
  pid_t pid = 0;
  int pipe = -1;
  std::string told = {};
};

class KillTest : public StoreTest {
 protected:
  Child startWorker(unsigned seed) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const auto pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      auto store = openStore();
      ::_exit(store ? Worker(*store, folder_ / "sources", seed, ends[1]).run() : 2);
    }
    ::close(ends[1]);
    return {pid, ends[0]};
  }

  /// Reads on until it has told so many lines, or ended.
  static void listen(Child& child, std::ptrdiff_t lines) {
    char buffer[4096];
    while (std::ranges::count(child.told, '\n') < lines) {
      const auto got = ::read(child.pipe, buffer, sizeof(buffer));
      if (got <= 0) return;
      child.told.append(buffer, static_cast<std::size_t>(got));
    }
  }

  /// Kills it, and takes what it told into `pinned_` and `blocks_`.
  void endWorker(Child& child) {
    ::kill(child.pid, SIGKILL);
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the worker failed before it was killed: " << status;
    listen(child, std::numeric_limits<std::ptrdiff_t>::max());
    ::close(child.pipe);
    std::istringstream lines(child.told);
    std::set<std::string> blocks;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string kind, name, cid;
      words >> kind >> name >> cid;
      if (kind == "P") pinned_[name] = cid;
      if (kind == "U") pinned_.erase(name);
      if (kind == "B") blocks.insert(name);
      if (kind == "E") blocks.clear();
      ++told_;
    }
    blocks_.merge(blocks);
  }

  void expectNothingLost() {
    store_ = openStore();
    ASSERT_TRUE(store_);
    for (const auto& block : blocks_) {
      const auto held = store_->block(cid::Cid::parse(block).value());
      EXPECT_TRUE(held) << (held ? "" : held.error().describe());
    }
    std::map<std::string, std::string> there;
    for (const auto& pin : store_->pins().value()) {
      there[pin.name] = pin.cid.text();
      const auto whole = store_->verify(pin.cid);
      EXPECT_TRUE(whole) << pin.name << ": " << (whole ? "" : whole.error().describe());
    }
    for (const auto& [name, cid] : pinned_) {
      EXPECT_EQ(there[name], cid) << name;
    }
    const auto scrubbed = store_->scrub({.onDamage = [](const cid::Cid& cid, const Error& error) {
      ADD_FAILURE() << cid.text() << ": " << error.describe();
    }});
    EXPECT_TRUE(scrubbed) << (scrubbed ? "" : scrubbed.error().describe());
    blocks_.clear();
    store_.reset();
  }

  std::map<std::string, std::string> pinned_;
  std::set<std::string> blocks_;
  std::uint64_t told_ = 0;
};

TEST_F(KillTest, NothingAcknowledgedIsLost) {
  store_.reset();
  const auto* asked = std::getenv("WEBPOOL_KILL_ROUNDS");
  const int rounds = asked == nullptr ? 12 : std::atoi(asked);
  std::mt19937 random(7);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    auto one = startWorker(static_cast<unsigned>(2 * round));
    auto two = startWorker(static_cast<unsigned>(2 * round + 1));
    listen(one, static_cast<std::ptrdiff_t>(random() % 8));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 100'000));
    endWorker(one);
    blocks_.clear();  // the other one may collect what a dead session held
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 50'000));
    endWorker(two);
    expectNothingLost();
    // The store is kept small: what is sure by now may go.
    if (pinned_.size() > 20) {
      store_ = openStore();
      for (const auto& pin : store_->pins().value()) ASSERT_TRUE(store_->unpin(pin));
      ASSERT_TRUE(store_->collect());
      ASSERT_TRUE(store_->dropUnfinished());
      store_.reset();
      pinned_.clear();
      fs::remove_all(folder_ / "sources");
    }
  }
  EXPECT_GT(told_, static_cast<std::uint64_t>(rounds));
  std::printf("%d rounds, %llu acknowledgements\n", rounds, static_cast<unsigned long long>(told_));
}

}  // namespace
}  // namespace webpool::store

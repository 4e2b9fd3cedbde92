// kill -9 at random points of a fetch: the store opens, nothing in it is wrong, what was told to be
// there is there, and in the end all of it comes. WEBPOOL_KILL_ROUNDS says how often (8 else).
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "cid/unixfs.h"
#include "sources/content_fetch.h"
#include "sources/testing/fetch_test_support.h"

namespace webpool::sources {
namespace {

class FetchKillTest : public FetchTest {
 protected:
  /// A process of its own that serves the blocks there are now; its address.
  std::string startServing() {
    stopServing();
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    server_ = ::fork();
    if (server_ == 0) {
      OddServer server(blocks_);
      server.limit(80e6);
      const auto address = server.address() + "\n";
      if (::write(ends[1], address.data(), address.size()) < 0) ::_exit(5);
      while (true) ::pause();
    }
    ::close(ends[1]);
    std::string address;
    for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) address += c;
    ::close(ends[0]);
    return address;
  }

  void stopServing() {
    if (server_ > 0) {
      ::kill(server_, SIGKILL);
      ::waitpid(server_, nullptr, 0);
    }
    server_ = 0;
  }

  void TearDown() override {
    stopServing();
    FetchTest::TearDown();
  }

  /// Fetches all roots one after another, and tells each over the pipe once it is there.
  pid_t startFetching(const std::vector<cid::Cid>& roots, const std::string& gateway, int pipe) {
    const auto pid = ::fork();
    if (pid != 0) return pid;
    const auto store = openStore();
    net::HttpClient http;
    for (std::size_t i = 0; store && i < roots.size(); ++i) {
      auto begun = ContentFetch::begin(*store, http, options({gateway}));
      if (!begun) ::_exit(3);
      const auto fetched = (*begun)->fetch(roots[i], {"pin", roots[i].text(), "", {}, 0, ""}, {});
      if (!fetched) {
        std::fprintf(stderr, "%s\n", fetched.error().describe().c_str());
        ::_exit(4);
      }
      const auto number = static_cast<char>(i);
      if (::write(pipe, &number, 1) != 1) ::_exit(5);
    }
    ::_exit(store ? 0 : 2);
  }

  /// Lets it fetch for so long; true where it came to its end.
  bool fetchFor(std::chrono::microseconds time) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const auto pid = startFetching(roots_, gateway_, ends[1]);
    ::close(ends[1]);
    std::this_thread::sleep_for(time);
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    for (char number = 0; ::read(ends[0], &number, 1) == 1;) {
      told_.insert(static_cast<std::size_t>(number));
    }
    ::close(ends[0]);
    const bool ended = WIFEXITED(status);
    EXPECT_TRUE(!ended || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
    return ended;
  }

  void expectNothingLost() {
    store_ = openStore();
    ASSERT_TRUE(store_);
    for (const auto number : told_) expectWhole(roots_[number]);
    for (const auto& pin : store_->pins().value()) expectWhole(pin.cid);
    EXPECT_TRUE(store_->scrub()->damaged.empty());
    store_.reset();
  }

  /// A folder of whole files, a file, and a file of another layout.
  std::vector<cid::Cid> publishAll(unsigned round) {
    const auto mark = "round " + std::to_string(round) + " ";
    file("tree/a", mark + store::pattern(6'000'000));
    file("tree/b/c", mark + store::pattern(2'000'000));
    file("tree/small", mark);
    std::vector<cid::Cid> roots{publish(folder_ / "tree"),
                                publish(file("one", mark + store::pattern(9'000'000)))};
    cid::UnixFsData data;
    data.fileSize = 0;
    std::vector<cid::Link> links;
    for (int i = 0; i < 30; ++i) {
      const auto block = mark + std::to_string(i) + std::string(200'000, 'x');
      links.push_back({add(cid::Codec::Raw, block), "", block.size()});
      data.blockSizes.push_back(block.size());
      *data.fileSize += block.size();
    }
    roots.push_back(add(cid::Codec::DagPb, cid::encodeNode({links, cid::encodeUnixFs(data)})));
    return roots;
  }

  pid_t server_ = 0;
  std::string gateway_;
  std::vector<cid::Cid> roots_;
  std::set<std::size_t> told_;  ///< of the roots, those that are there
};

TEST_F(FetchKillTest, NothingWrongIsEverThereAndNothingIsLost) {
  store_.reset();
  const auto* asked = std::getenv("WEBPOOL_KILL_ROUNDS");
  const int rounds = asked == nullptr ? 8 : std::atoi(asked);
  std::mt19937 random(3);
  int kills = 0;
  for (unsigned generation = 0; kills < rounds && !HasFailure(); ++generation) {
    blocks_.clear();
    told_.clear();
    roots_ = publishAll(generation);
    gateway_ = startServing();
    // Each attempt goes on with what the last one had, so that it ends one time.
    for (bool ended = false; !ended && kills < rounds && !HasFailure();) {
      ended = fetchFor(std::chrono::microseconds(random() % 250'000));
      kills += ended ? 0 : 1;
      expectNothingLost();
    }
    EXPECT_TRUE(fetchFor(std::chrono::seconds(10)) || HasFailure());
    expectNothingLost();
    EXPECT_EQ(told_.size(), roots_.size());
    store_ = openStore();
    ASSERT_TRUE(store_);
    for (const auto& pin : store_->pins().value()) {
      EXPECT_EQ(pin.kind, "pin") << "left from a kill: " << pin.name;
      ASSERT_TRUE(store_->unpin(pin));
    }
    ASSERT_TRUE(store_->collect());
    EXPECT_EQ(wholeFiles(), 0u);
    store_.reset();
  }
  std::printf("%d kills\n", kills);
}

}  // namespace
}  // namespace webpool::sources

// One file out of two servers that send at a capped rate each, against out of one of them. The
// servers are this program's own, on loopback; each holds its cap over all its connections.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <random>

#include "base/file.h"
#include "base/random.h"
#include "cid/dag_walk.h"
#include "failure.h"
#include "net/http_client.h"
#include "slices.h"
#include "sources/content_fetch.h"
#include "sources/testing/odd_server.h"
#include "stopwatch.h"
#include "store/content_store.h"

namespace webpool::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kMegabyte = 1e6;

/// The blocks of a store, for a walk.
class StoreBlocks final : public cid::Blocks {
 public:
  explicit StoreBlocks(const store::ContentStore& store) : store_(store) {}
  Result<Bytes> get(const cid::Cid& cid) override {
    const auto block = store_.block(cid);
    if (!block) return std::unexpected(block.error());
    return store::readContent(block->content);
  }

 private:
  const store::ContentStore& store_;
};

struct File {
  cid::Cid root;
  sources::BlockMap blocks;
};

/// So many random bytes as a file's blocks.
File makeFile(const fs::path& folder, std::size_t bytes) {
  std::string content(bytes, '\0');
  std::mt19937_64 random(1);
  for (auto& byte : content) byte = static_cast<char>(random());
  valueOf(base::writeFileAtomically(folder / "file", content));
  const auto store = valueOf(store::ContentStore::open(folder / "theirs", base::systemRandom()));
  File file{.root = valueOf(store->importPath(folder / "file")).root, .blocks = {}};
  StoreBlocks from(*store);
  cid::DagWalk walk(from, file.root, {});
  while (auto step = valueOf(walk.next())) {
    file.blocks[step->cid.normalized()] = std::string(step->block.text());
  }
  return file;
}

/// Megabytes a second of one fetch into an empty store.
double fetchOnce(const File& file, const fs::path& folder, const std::vector<std::string>& from,
                 double megabytes) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto store = valueOf(store::ContentStore::open(folder / "store", base::systemRandom()));
  net::HttpClient http;
  const Stopwatch watch;
  auto fetch = valueOf(sources::ContentFetch::begin(
      *store, http, {.settings = {.gateways = from, .kubo = ""}, .data = folder}));
  valueOf(fetch->fetch(file.root, {"pin", "fetched", "", {}, 0, ""}, {}));
  return megabytes / watch.seconds();
}

std::string shown(const std::vector<double>& values) {
  const auto spread = spreadOf(values);
  return fmt::format("{:.1f} ({:.1f}–{:.1f})", spread.median, spread.min, spread.max);
}

int run(const fs::path& work, double cap, std::size_t megabytes, unsigned rounds) {
  fs::remove_all(work);
  fs::create_directories(work);
  const auto file = makeFile(work, megabytes * static_cast<std::size_t>(kMegabyte));
  sources::OddServer first(file.blocks), second(file.blocks);
  first.limit(cap * kMegabyte);
  second.limit(cap * kMegabyte);
  const auto from = [&](std::vector<std::string> servers) {
    return [&, servers = std::move(servers)] {
      return fetchOnce(file, work / "ours", servers, double(megabytes));
    };
  };
  const std::array<Slice, 2> slices{from({first.address(), second.address()}),
                                    from({first.address()})};
  for (const auto& slice : slices) slice();  // Warm-up.
  const auto values = alternate(slices, rounds);
  const auto ratio = ratioOf(values[0], values[1]);
  fs::remove_all(work);
  std::cerr << fmt::format(
      "two servers of {} MB/s each: {} MB/s; one: {} MB/s; ratio {:.3f} ({:.3f}–{:.3f}), aim 1.9\n",
      cap, shown(values[0]), shown(values[1]), ratio.median, ratio.min, ratio.max);
  const boost::json::object line{{"figure", "sources"},
                                 {"cap_mb_per_s", cap},
                                 {"megabytes", megabytes},
                                 {"rounds", rounds},
                                 {"two", boost::json::value_from(values[0])},
                                 {"one", boost::json::value_from(values[1])},
                                 {"ratio", ratio.median},
                                 {"ratio_min", ratio.min},
                                 {"ratio_max", ratio.max}};
  std::cout << boost::json::serialize(line) << std::endl;
  return 0;
}

int main(int argc, char** argv) {
  CLI::App app("Two capped servers against one.");
  bool quick = false;
  fs::path work;
  app.add_flag("--quick", quick, "fewer and shorter slices");
  app.add_option("--work", work, "folder in which a scratch folder is made")->required();
  CLI11_PARSE(app, argc, argv);
  int code = 0;
  for (const double cap : {5.0, 20.0}) {
    const auto seconds = quick ? 3.0 : 10.0;
    code |=
        run(work / "scratch-sources", cap, static_cast<std::size_t>(cap * seconds), quick ? 2 : 7);
  }
  return code;
}

}  // namespace
}  // namespace webpool::bench

int main(int argc, char** argv) {
  try {
    return webpool::bench::main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "bench: " << error.what() << std::endl;
    return 1;
  }
}

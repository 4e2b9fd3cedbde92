// CARs out of one store and into another.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/file.h"
#include "cid/car.h"
#include "cid/unixfs.h"
#include "cid/varint.h"
#include "store/block_session.h"
#include "store/car_file.h"
#include "store/testing/test_store.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Parsed {
  std::vector<cid::Cid> roots;
  std::vector<cid::CarBlock> blocks;
};

Parsed parse(std::string_view car) {
  cid::CarReader reader;
  reader.push(asBytes(car));
  Parsed parsed;
  while (auto block = reader.next().value()) parsed.blocks.push_back(std::move(*block));
  EXPECT_TRUE(reader.finish());
  parsed.roots = reader.roots();
  return parsed;
}

class CarTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    file("in/hello", "hello world");
    big_ = pattern((3u << 20) + 5);
    file("in/sub/big", big_);
    root_ = store_->importPath(folder_ / "in").value().root;
  }

  std::string carText(cid::DagScope scope = cid::DagScope::All) {
    const auto path = folder_ / "out.car";
    const auto written = exportCar(*store_, root_, scope, path);
    EXPECT_TRUE(written) << (written ? "" : written.error().describe());
    auto text = base::readFile(path).value();
    if (written) {
      EXPECT_EQ(written->bytes, text.size());
      EXPECT_EQ(written->blocks, parse(text).blocks.size());
    }
    fs::remove(path);
    return text;
  }

  std::unique_ptr<ContentStore> otherStore() {
    return ContentStore::open(folder_ / "other", base::systemRandom()).value();
  }

  Result<CarRead> importText(ContentStore& store, const std::string& car,
                             const CarImport& how = {}) {
    const auto path = file("in.car", car);
    const auto opened = base::openFile(path, O_RDONLY).value();
    return importCar(store, opened.get(), path, how);
  }

  std::string big_;
  cid::Cid root_;
};

TEST_F(CarTest, HoldsEveryBlockOnceBehindItsRoot) {
  const auto parsed = parse(carText());
  EXPECT_EQ(parsed.roots, std::vector{root_});
  ASSERT_FALSE(parsed.blocks.empty());
  EXPECT_EQ(parsed.blocks[0].cid, root_);
  // Two folders, two files, and the big one's leaves.
  EXPECT_EQ(parsed.blocks.size(), 2u + 2 + 4);
  EXPECT_EQ(parse(carText(cid::DagScope::Block)).blocks.size(), 1u);
  EXPECT_EQ(parse(carText(cid::DagScope::Entity)).blocks.size(), 1u);
}

TEST_F(CarTest, GoesThroughFilesPipesAndSocketsAlike) {
  const auto whole = carText();
  int pipes[2];
  ASSERT_EQ(::pipe2(pipes, O_CLOEXEC), 0);
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  for (auto [from, to] : {std::pair(pipes[0], pipes[1]), std::pair(sockets[0], sockets[1])}) {
    const base::FileDescriptor reading(from);
    base::FileDescriptor writing(to);
    std::string got;
    std::thread reader([&] {
      char buffer[1 << 16];
      while (const auto count = ::read(reading.get(), buffer, sizeof(buffer))) {
        got.append(buffer, static_cast<std::size_t>(count));
      }
    });
    const auto written =
        writeCar(*store_, root_, cid::DagScope::All, writing.get(), "the other end");
    writing = base::FileDescriptor();
    reader.join();
    ASSERT_TRUE(written) << written.error().describe();
    EXPECT_EQ(got, whole);
  }
  // A file that is appended to, which the kernel does not copy ranges into.
  const auto appended = base::openFile(folder_ / "log", O_WRONLY | O_CREAT | O_APPEND).value();
  ASSERT_TRUE(writeCar(*store_, root_, cid::DagScope::All, appended.get(), "log"));
  EXPECT_EQ(base::readFile(folder_ / "log").value(), whole);
}

TEST_F(CarTest, NeverLeavesHalfAFileNorReplacesOne) {
  const auto there = file("there", "mine");
  EXPECT_EQ(exportCar(*store_, root_, cid::DagScope::All, there).error().category,
            ErrorCategory::InvalidArgument);
  EXPECT_EQ(base::readFile(there).value(), "mine");
  std::stop_source stop;
  stop.request_stop();
  const auto target = folder_ / "out/x.car";
  fs::create_directory(folder_ / "out");
  const auto cancelled =
      exportCar(*store_, root_, cid::DagScope::All, target, {{}, stop.get_token()});
  EXPECT_EQ(cancelled.error().category, ErrorCategory::Cancelled);
  const auto absent = cid::Cid::of(cid::Codec::Raw, asBytes("absent"));
  EXPECT_EQ(exportCar(*store_, absent, cid::DagScope::All, target).error().category,
            ErrorCategory::NotFound);
  EXPECT_TRUE(fs::is_empty(folder_ / "out"));
}

TEST_F(CarTest, WhatAKilledExportLeftGoesWithTheNext) {
  const auto out = folder_ / "out";
  fs::create_directory(out);
  const auto pid = ::fork();
  if (pid == 0) {
    const auto store = openStore();
    (void)exportCar(*store, root_, cid::DagScope::All, out / "x.car",
                    {[](const Progress&) { ::raise(SIGKILL); }, {}});
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(fs::is_empty(out));
  ASSERT_TRUE(exportCar(*store_, root_, cid::DagScope::All, out / "x.car"));
  EXPECT_EQ(std::distance(fs::directory_iterator(out), fs::directory_iterator()), 1);
  EXPECT_EQ(base::readFile(out / "x.car").value(), carText());
}

TEST_F(CarTest, ADamagedFileIsNotExported) {
  const auto hello = store_->resolveCid(root_, "hello").value();
  const auto sha = store_->describe(hello)->sha256.value();
  const auto stored = storeFolder() / "files" / cid::hexText(sha);
  fs::permissions(stored, fs::perms(0644));
  std::ofstream(stored) << "hello-world!";
  EXPECT_EQ(exportCar(*store_, root_, cid::DagScope::All, folder_ / "x.car").error().category,
            ErrorCategory::Integrity);
  EXPECT_FALSE(fs::exists(folder_ / "x.car"));
}

TEST_F(CarTest, AnotherStoreTakesItAndGivesTheSameBytes) {
  const auto other = otherStore();
  const auto car = carText();
  const auto read = importText(*other, car, {.pin = true});
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(read->roots, std::vector{root_});
  EXPECT_EQ(read->blocks, 8u);
  EXPECT_EQ(read->bytes, car.size());
  EXPECT_EQ(other->pins("pin")->at(0).name, root_.text());
  ASSERT_TRUE(other->collect());
  ASSERT_TRUE(other->exportPath(root_, folder_ / "copy"));
  EXPECT_EQ(base::readFile(folder_ / "copy/sub/big").value(), big_);
  // And it comes out as it went in, though its leaves lie in a pack now.
  ASSERT_TRUE(exportCar(*other, root_, cid::DagScope::All, folder_ / "again.car"));
  EXPECT_EQ(base::readFile(folder_ / "again.car").value(), car);
}

TEST_F(CarTest, WithoutAPinItGoesWithTheNextCollection) {
  const auto other = otherStore();
  ASSERT_TRUE(importText(*other, carText()));
  EXPECT_TRUE(other->block(root_));
  EXPECT_TRUE(other->pins()->empty());
  ASSERT_TRUE(other->collect());
  EXPECT_EQ(other->block(root_).error().category, ErrorCategory::NotFound);
}

TEST_F(CarTest, ANameIsForOneRoot) {
  const auto other = otherStore();
  ASSERT_TRUE(importText(*other, carText(), {.name = "mine"}));
  EXPECT_EQ(other->pins("pin")->at(0).name, "mine");
  const auto one = cid::Cid::of(cid::Codec::Raw, asBytes("one"));
  const auto two = cid::Cid::of(cid::Codec::Raw, asBytes("two"));
  const auto blocks = cid::carSectionHead(one, 3) + "one" + cid::carSectionHead(two, 3) + "two";
  const auto both = cid::carHeader(std::vector{one, two}) + blocks;
  EXPECT_EQ(importText(*other, both, {.name = "both"}).error().category,
            ErrorCategory::InvalidArgument);
  EXPECT_EQ(other->block(one).error().category, ErrorCategory::NotFound);
  ASSERT_TRUE(importText(*other, both, {.pin = true}));
  EXPECT_EQ(other->pins("pin")->size(), 3u);
  EXPECT_EQ(importText(*other, cid::carHeader({}) + blocks, {.pin = true}).error().category,
            ErrorCategory::InvalidArgument);
}

TEST_F(CarTest, WhatIsIncompleteIsNotPinned) {
  const auto other = otherStore();
  const auto read = importText(*other, carText(cid::DagScope::Block), {.pin = true});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(read.error().message, HasSubstr("does not hold all that lies below"));
  EXPECT_TRUE(other->pins()->empty());
}

TEST_F(CarTest, HostileCarsAreRefusedByName) {
  const auto other = otherStore();
  const auto car = carText();
  const auto category = [&](const std::string& text) {
    const auto read = importText(*other, text, {.pin = true});
    EXPECT_FALSE(read);
    if (read) return ErrorCategory::Internal;
    EXPECT_THAT(read.error().describe(), HasSubstr("in.car"));
    return read.error().category;
  };
  EXPECT_EQ(category(""), ErrorCategory::Protocol);
  EXPECT_EQ(category("no CAR at all"), ErrorCategory::Protocol);
  for (const auto cut : {10ul, car.size() / 2, car.size() - 1}) {
    EXPECT_EQ(category(car.substr(0, cut)), ErrorCategory::Protocol) << cut;
  }
  auto lie = car;
  lie.back() = static_cast<char>(lie.back() ^ 1);
  EXPECT_EQ(category(lie), ErrorCategory::Integrity);
  auto huge = cid::carHeader(std::vector{root_});
  cid::appendVarint(huge, 1ull << 50);
  EXPECT_EQ(category(huge), ErrorCategory::Protocol);
  const auto large = std::string((2u << 20) + 1, 'x');
  EXPECT_EQ(
      category(cid::carHeader(std::vector{root_}) +
               cid::carSectionHead(cid::Cid::of(cid::Codec::Raw, asBytes(large)), large.size()) +
               large),
      ErrorCategory::Protocol);
  EXPECT_TRUE(other->pins()->empty());
  ASSERT_TRUE(other->collect());
  EXPECT_EQ(other->collect(true)->blocks, 0u);
}

TEST_F(CarTest, WhatCameBeforeTheCutStaysUntilTheCollection) {
  const auto car = carText();
  const auto blocks = parse(car).blocks;
  ASSERT_GT(blocks.size(), 2u);
  const auto other = otherStore();
  EXPECT_EQ(importText(*other, car.substr(0, car.size() - 1)).error().category,
            ErrorCategory::Protocol);
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) EXPECT_TRUE(other->block(blocks[i].cid)) << i;
  ASSERT_TRUE(other->collect());
  EXPECT_FALSE(other->block(blocks[0].cid));
}

TEST_F(CarTest, ForeignBlocksArePassedOverWhenToldTo) {
  const auto other = otherStore();
  const auto foreign = std::string("\x01\x55\x13\x40", 4) + std::string(64, 'h') + "block";
  auto car = carText();
  cid::appendVarint(car, foreign.size());
  car += foreign;
  const auto refused = importText(*other, car);
  EXPECT_EQ(refused.error().category, ErrorCategory::Unsupported);
  const auto read = importText(*other, car, {.pin = true, .skipForeign = true});
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(read->passedOver, 1u);
  EXPECT_EQ(read->blocks, 8u);
}

TEST_F(CarTest, APipeThatGivesNothingIsLeftWhenTheCallIsToEnd) {
  int pipes[2];
  ASSERT_EQ(::pipe2(pipes, O_CLOEXEC), 0);
  const base::FileDescriptor reading(pipes[0]);
  const base::FileDescriptor writing(pipes[1]);
  std::stop_source stop;
  std::jthread ending([&] { stop.request_stop(); });
  const auto read = importCar(*store_, reading.get(), "a pipe", {}, {{}, stop.get_token()});
  EXPECT_EQ(read.error().category, ErrorCategory::Cancelled);
}

}  // namespace
}  // namespace webpool::store

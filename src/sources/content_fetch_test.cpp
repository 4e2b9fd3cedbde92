// Content of every layout, out of servers that behave.
#include "sources/content_fetch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <mutex>
#include <numeric>

#include "cid/hamt.h"
#include "cid/ipld.h"
#include "sources/testing/fetch_test_support.h"
#include "store/block_session.h"

namespace webpool::sources {
namespace {

using testing::HasSubstr;

class ContentFetchTest : public FetchTest {
 protected:
  /// Keeps all that is served in packs, as a CAR brings it.
  void keepPacked(const cid::Cid& root) {
    auto session = store_->beginBlocks();
    ASSERT_TRUE(session) << session.error().describe();
    for (const auto& [cid, block] : blocks_) {
      const auto put = (*session)->put(cid, std::as_bytes(std::span(block)));
      ASSERT_TRUE(put) << put.error().describe();
    }
    const auto kept = (*session)->commit({"pin", "packed", "", root, 0, ""});
    ASSERT_TRUE(kept) << kept.error().describe();
  }

  /// One wrong byte inside that packed block, of which a look at the pack tells nothing.
  void damagePacked(const cid::Cid& cid) {
    const auto pack = storeFolder() / "packs/1.car";
    const auto at = base::readFile(pack).value().find(blocks_.at(cid));
    ASSERT_NE(at, std::string::npos);
    store::damage(pack, at + blocks_.at(cid).size() / 2);
    EXPECT_THAT(store_->scrub()->damaged, testing::ElementsAre(cid));
  }

  /// What a fetch says, and what writing the same blocks to the disk says.
  void expectMalformed(const cid::Cid& root) {
    const OddServer server(blocks_);
    const auto fetched = fetch(root, {server.address()});
    ASSERT_FALSE(fetched);
    EXPECT_EQ(fetched.error().category, ErrorCategory::Protocol) << fetched.error().describe();
    expectNothingKept();
    keepPacked(root);
    const auto got = store_->exportPath(root, folder_ / "out");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().category, ErrorCategory::Protocol) << got.error().describe();
  }
};

std::string unixFs(cid::UnixFsType type, std::string data, std::uint64_t size,
                   std::vector<std::uint64_t> sizes, std::vector<cid::Link> links) {
  cid::UnixFsData message;
  message.type = type;
  if (!data.empty()) message.data = std::move(data);
  message.fileSize = size;
  message.blockSizes = std::move(sizes);
  return cid::encodeNode({std::move(links), cid::encodeUnixFs(message)});
}

TEST_F(ContentFetchTest, AFileIsKeptInOnePiece) {
  const auto root = publishFile(5'300'000);
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_EQ(wholeFiles(), 1u);
  EXPECT_TRUE(store_->hasFile(root).value());
  for (const auto& name : storedFiles()) EXPECT_FALSE(name.starts_with("packs/")) << name;
  EXPECT_EQ(store_->pins()->size(), 1u);
  EXPECT_GE(bytesOf(server.address()), 5'300'000u);
  EXPECT_LE(server.requests(), 7u) << "six leaves and their node";
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "data/downloads")) << "no leftovers";
}

TEST_F(ContentFetchTest, SmallAndEmptyFilesToo) {
  for (const std::size_t size : {0u, 1u, 1u << 20, (1u << 20) + 1}) {
    const auto root = publishFile(size, "file" + std::to_string(size));
    const OddServer server(blocks_);
    const auto fetched = fetch(root, {server.address()});
    ASSERT_TRUE(fetched) << size << ": " << fetched.error().describe();
    expectWhole(root);
    EXPECT_TRUE(store_->hasFile(root).value()) << size;
  }
}

TEST_F(ContentFetchTest, AFolderWithAllThatIsInIt) {
  file("model/config.json", "{}");
  file("model/onnx/model.onnx", store::pattern(3'000'000));
  file("model/onnx/again.onnx", store::pattern(3'000'000));
  file("model/empty", "");
  std::filesystem::create_symlink("config.json", folder_ / "model/link");
  std::filesystem::create_directories(folder_ / "model/nothing");
  const auto root = publish(folder_ / "model");
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_EQ(wholeFiles(), 3u);
  for (const auto& name : storedFiles()) EXPECT_FALSE(name.starts_with("packs/")) << name;
  const auto out = store_->exportPath(root, folder_ / "out");
  ASSERT_TRUE(out) << out.error().describe();
  EXPECT_EQ(std::filesystem::read_symlink(folder_ / "out/link"), "config.json");
  EXPECT_EQ(std::filesystem::file_size(folder_ / "out/onnx/again.onnx"), 3'000'000u);
}

TEST_F(ContentFetchTest, TwoServersShareTheWork) {
  const auto root = publishFile(40 << 20);
  OddServer one(blocks_), two(blocks_);
  one.limit(40e6);
  two.limit(40e6);
  const auto fetched = fetch(root, {one.address(), two.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_GE(bytesOf(one.address()), 10u << 20);
  EXPECT_GE(bytesOf(two.address()), 10u << 20);
  EXPECT_EQ(std::accumulate(sources_.begin(), sources_.end(), std::uint64_t{0},
                            [](auto sum, const BytesOf& one) { return sum + one.bytes; }),
            (40u << 20) + blocks_.at(root).size());
  EXPECT_LT(one.connections(), one.requests()) << "connections are used again";
}

TEST_F(ContentFetchTest, OtherLayoutsAreKeptInBlocksUnderTheirOwnNames) {
  const std::string a(300'000, 'a'), b(200'000, 'b');
  const auto first = add(cid::Codec::Raw, a);
  const auto second = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, b, b.size(), {}, {}));
  const auto root = add(cid::Codec::DagPb,
                        unixFs(cid::UnixFsType::File, "", a.size() + b.size(), {a.size(), b.size()},
                               {{first, "", a.size()}, {second, "", b.size() + 14}}));
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  std::string read;
  ASSERT_TRUE(store_->read(root, [&](std::span<const std::byte> piece) -> Result<void> {
    read.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  }));
  EXPECT_EQ(read, a + b);
  EXPECT_EQ(wholeFiles(), 0u);
}

TEST_F(ContentFetchTest, ShardedFoldersAndWholeFilesTogether) {
  std::vector<cid::Link> entries;
  const auto big = publishFile(2'500'000);
  for (int i = 0; i < 400; ++i) {
    entries.push_back({i == 7 ? big : add(cid::Codec::Raw, "small " + std::to_string(i)),
                       "name " + std::to_string(i), i == 7 ? 2'500'150u : 8u});
  }
  const auto tree = cid::buildFolder(entries, 1000);
  ASSERT_TRUE(tree);
  for (const auto& node : tree->nodes) blocks_[node.cid] = node.block;
  const OddServer server(blocks_);
  const auto fetched = fetch(tree->root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectAllBlocks(tree->root);
  EXPECT_TRUE(store_->hasFile(big).value());
  const auto pins = store_->pins().value();
  ASSERT_EQ(pins.size(), 1u);
  EXPECT_EQ(pins[0].kind, "pin");
  ASSERT_TRUE(store_->collect());
  expectAllBlocks(tree->root);
  EXPECT_TRUE(store_->hasFile(big).value()) << "still needed";
}

TEST_F(ContentFetchTest, WhatIsHereIsNotAskedFor) {
  file("a/one", store::pattern(3'000'000));
  file("a/two", "two");
  const auto root = publish(folder_ / "a");
  ASSERT_TRUE(store_->importPath(folder_ / "a/one"));
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_LE(server.requests(), 2u);
  EXPECT_GE(bytesOf("store"), 3'000'000u);
}

TEST_F(ContentFetchTest, KnownDamageIsMendedLeafByLeaf) {
  const auto path = file("one", store::pattern((5u << 20) + 9));
  const auto root = publish(path);
  ASSERT_TRUE(store_->importPath(path));
  store::damage(storeFolder() / storedFiles().at(0), 2'500'000);
  EXPECT_FALSE(store_->exportPath(root, folder_ / "out")) << "which marks it";
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_TRUE(store_->hasFile(root).value());
  EXPECT_EQ(server.served(), 1u) << "the damaged leaf alone";
}

TEST_F(ContentFetchTest, DamageInAPackIsMended) {
  const auto big = store::pattern((3u << 20) + 9);
  file("f/big", big);
  file("f/sub/small", "small");
  const auto root = publish(folder_ / "f");
  const auto rootOfBig = theirs_->resolveCid(root, "big").value();
  const auto sub = theirs_->resolveCid(root, "sub").value();
  const auto leaf =
      cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(big)).subspan(1u << 20, 1u << 20));
  keepPacked(root);
  const OddServer server(blocks_);
  for (const auto& cid : {leaf, rootOfBig, sub, root}) {
    EXPECT_TRUE(store_->verify(root));
    damagePacked(cid);
    EXPECT_EQ(store_->recheck(cid).error().category, ErrorCategory::Integrity);
    const auto fetched = fetch(root, {server.address()});
    ASSERT_TRUE(fetched) << fetched.error().describe();
    EXPECT_EQ(bytesOf(server.address()), blocks_.at(cid).size());
    expectWhole(root);
    EXPECT_TRUE(store_->recheck(cid));
    store_.reset();
    std::filesystem::remove_all(storeFolder());
    store_ = openStore();
    keepPacked(root);
  }
}

TEST_F(ContentFetchTest, ADamagedPackedLeafIsMendedAlone) {
  const auto root = publishFile((2u << 20) + 9);
  const auto bytes = store::pattern(1u << 20);
  const auto leaf = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(bytes)));
  keepPacked(root);
  damagePacked(leaf);
  const OddServer server(blocks_);
  const auto fetched = fetch(leaf, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
}

TEST_F(ContentFetchTest, ADamagedPackedBlockOfAnotherLayoutIsMended) {
  const std::string a(300'000, 'a'), b(200'000, 'b');
  const auto first = add(cid::Codec::Raw, a);
  const auto second = add(cid::Codec::Raw, b);
  const auto root = add(cid::Codec::DagPb,
                        unixFs(cid::UnixFsType::File, "", a.size() + b.size(), {a.size(), b.size()},
                               {{first, "", a.size()}, {second, "", b.size()}}));
  keepPacked(root);
  const OddServer server(blocks_);
  for (const auto& cid : {first, root}) {
    damagePacked(cid);
    const auto fetched = fetch(root, {server.address()});
    ASSERT_TRUE(fetched) << fetched.error().describe();
    expectWhole(root);
  }
}

TEST_F(ContentFetchTest, DamageWithoutASourceIsCalledDamage) {
  const auto path = file("one", store::pattern(100'000));
  const auto root = store_->importPath(path)->root;
  store::damage(storeFolder() / storedFiles().at(0), 1000);
  EXPECT_FALSE(store_->exportPath(root, folder_ / "out")) << "which marks it";
  auto none = fetch(root, std::vector<std::string>{});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::Integrity);
  EXPECT_THAT(none.error().message, HasSubstr("is here, but damaged"));
  const auto other = publishFile(5000, "other");
  keepPacked(other);
  const auto leaf = other;
  store::damage(storeFolder() / "packs/1.car", 1000);
  none = fetch(leaf, std::vector<std::string>{});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::Integrity) << none.error().describe();
}

TEST_F(ContentFetchTest, WhatWasFoundHereIsHeldWhileTheRestComes) {
  file("a/one", store::pattern(3'000'000));
  file("a/two", store::pattern(2'000'001));
  const auto root = publish(folder_ / "a");
  ASSERT_TRUE(store_->importPath(folder_ / "a/one"));
  ASSERT_TRUE(store_->unpin(store_->pins()->at(0)));
  std::atomic<unsigned> collections = 0;
  const OddServer server(blocks_, [&](auto&, const auto&) {
    // The two nodes are there by then.
    if (collections++ >= 2) {
      EXPECT_TRUE(store_->collect());
    }
    return false;
  });
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  EXPECT_GT(collections.load(), 2u);
  expectWhole(root);
}

TEST_F(ContentFetchTest, WhatKilledWritersOfTheMeasurementsLeftGoes) {
  const auto old = folder_ / "data/source-scores.json.123.tmp";
  const auto young = folder_ / "data/source-scores.json.124.tmp";
  const auto other = folder_ / "data/other.json.123.tmp";
  for (const auto& path : {old, young, other}) store::writeFile(path, "torn");
  for (const auto& path : {old, other}) {
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  const auto root = publishFile(1000);
  const OddServer server(blocks_);
  ASSERT_TRUE(fetch(root, {server.address()}));
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(young)) << "its writer may live";
  EXPECT_TRUE(std::filesystem::exists(other));
}

TEST_F(ContentFetchTest, APathIsFollowed) {
  file("a/b/c", "deep");
  const auto root = publish(folder_ / "a");
  const OddServer server(blocks_);
  auto begun = ContentFetch::begin(*store_, http_, options({server.address()}));
  ASSERT_TRUE(begun);
  const auto found = (*begun)->resolve(root, "b/c", {});
  ASSERT_TRUE(found) << found.error().describe();
  const auto fetched = (*begun)->fetch(*found, {"pin", "c", "", {}, 0, ""}, {});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(*found);
  EXPECT_EQ((*begun)->resolve(root, "b/none", {}).error().category, ErrorCategory::NotFound);
}

TEST_F(ContentFetchTest, WhoWaitsForAnotherOneGoesOnWithWhatThatBrought) {
  const auto root = publishFile(3'000'000);
  // The first one gets nothing until the second one waits for it.
  std::latch asked(1), waits(1);
  std::once_flag once, onceToo;
  const OddServer server(blocks_, [&](OddServer&, const OddServer::Request&) {
    std::call_once(once, [&] { asked.count_down(); });
    waits.wait();
    return false;
  });
  auto first = std::async(std::launch::async, [&] {
    auto fetch = ContentFetch::begin(*store_, http_, options({server.address()}));
    return fetch ? (*fetch)->fetch(root, {"pin", "first", "", {}, 0, ""}, {})
                 : Result<Fetched>(std::unexpected(fetch.error()));
  });
  asked.wait();
  const auto goOn = [&] { std::call_once(onceToo, [&] { waits.count_down(); }); };
  const store::JobOptions job{.progress =
                                  [&](const store::Progress& progress) {
                                    if (progress.phase == store::Progress::Phase::Wait) goOn();
                                  },
                              .stop = {}};
  const auto second = fetch(root, options({server.address()}), job);
  goOn();  // it may have failed before
  const auto one = first.get();
  ASSERT_TRUE(one) << one.error().describe();
  ASSERT_TRUE(second) << second.error().describe();
  expectWhole(root);
  EXPECT_EQ(bytesOf(server.address()), 0u) << "the first one brought all of it";
  EXPECT_EQ(store_->pins()->size(), 2u);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "data/downloads")) << "no leftovers";
}

TEST_F(ContentFetchTest, AFileAloneGoesWhereItIsWanted) {
  const auto root = publishFile(2'000'000);
  const OddServer server(blocks_);
  auto begun = ContentFetch::begin(*store_, http_, options({server.address()}));
  ASSERT_TRUE(begun);
  const auto done = (*begun)->fetchFile(root, folder_ / "out", {});
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(base::readFile(folder_ / "out").value(), store::pattern(2'000'000));
  expectNothingKept();
}

TEST_F(ContentFetchTest, AKuboOfThisMachineIsAskedForWhatItHas) {
  const auto root = publishFile(1'500'000);
  std::atomic<unsigned> cachedOnly{0};
  const OddServer kubo(blocks_, [&](OddServer&, const OddServer::Request& request) {
    if (request.head.find("only-if-cached") != std::string::npos) ++cachedOnly;
    return OddServer::saidKubo(request);
  });
  auto how = options({});
  how.settings.kubo = kubo.address();
  const auto fetched = fetch(root, how);
  ASSERT_TRUE(fetched) << fetched.error().describe();
  EXPECT_GE(bytesOf("kubo"), 1'500'000u);
  EXPECT_EQ(cachedOnly, 3u);
}

TEST_F(ContentFetchTest, AnotherGatewayInTheKubosPlaceIsNamedByItsAddress) {
  const auto root = publishFile(1'500'000);
  const OddServer other(blocks_);
  auto how = options({});
  how.settings.kubo = other.address();
  const auto fetched = fetch(root, how);
  ASSERT_TRUE(fetched) << fetched.error().describe();
  EXPECT_EQ(bytesOf("kubo"), 0u);
  EXPECT_GE(bytesOf(other.address()), 1'500'000u);
}

TEST_F(ContentFetchTest, AKuboLooksElsewhereOnlyWhereNobodyElseHasIt) {
  const auto root = publishFile(1'500'000);
  std::atomic<unsigned> looked{0};
  const OddServer kubo(blocks_, [&](OddServer&, const OddServer::Request& request) {
    if (request.target.find("bafkqaaa") != std::string::npos) return false;
    if (OddServer::saidKubo(request)) return true;
    if (request.head.find("only-if-cached") == std::string::npos) {
      ++looked;
      return false;
    }
    OddServer::answer(request.socket, 412, "");
    return true;
  });
  auto how = options({});
  how.settings.kubo = kubo.address();
  const auto fetched = fetch(root, how);
  ASSERT_TRUE(fetched) << fetched.error().describe();
  EXPECT_EQ(looked, 3u);
  EXPECT_EQ(bytesOf("kubo"), 0u);
  EXPECT_GE(bytesOf("kubo (network)"), 1'500'000u);
}

TEST_F(ContentFetchTest, WithoutASourceItSaysWhatToDo) {
  const auto root = publishFile(1000);
  const auto none = fetch(root, std::vector<std::string>{});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(none.error().hint, HasSubstr("--gateway"));
}

TEST_F(ContentFetchTest, ACancelledFetchGoesOnWhereItWas) {
  const auto root = publishFile(30 << 20);
  OddServer server(blocks_);
  server.limit(60e6);
  std::stop_source stop;
  const auto broken = fetch(root, options({server.address()}),
                            {.progress =
                                 [&](const store::Progress& progress) {
                                   if (progress.done > 10u << 20) stop.request_stop();
                                 },
                             .stop = stop.get_token()});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().category, ErrorCategory::Cancelled);
  expectNothingKept();
  const auto before = server.served();
  ASSERT_GT(before, 8u);
  const OddServer rest(blocks_);
  const auto fetched = fetch(root, {rest.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_LE(rest.served(), 22u) << "what had come is not asked for again";
}

TEST_F(ContentFetchTest, DamageInWhatHadComeIsFound) {
  const auto root = publishFile(4 << 20);
  const auto part = folder_ / "data/downloads" / ("ipfs-" + root.text()) / (root.text() + ".part");
  auto bytes = store::pattern(3 << 20);
  bytes[1'500'000] ^= 1;
  store::writeFile(part, bytes);
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_EQ(server.served(), 3u) << "the node, the damaged leaf and the one that was missing";
}

TEST_F(ContentFetchTest, AFileThatClaimsToBeHugeIsRefusedAtOnce) {
  const auto leaf = add(cid::Codec::Raw, std::string(1u << 20, 'x'));
  std::vector<cid::Link> links;
  std::vector<std::uint64_t> sizes;
  std::uint64_t size = 1u << 20;
  auto below = leaf;
  for (int level = 0; level < 4; ++level) {  // 1024 to the fourth leaves: an exabyte
    links.assign(1024, {below, "", size});
    sizes.assign(1024, size);
    size *= 1024;
    below = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", size, sizes, links));
  }
  const OddServer server(blocks_);
  const auto fetched = fetch(below, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::NoSpace);
  expectNothingKept();
}

TEST_F(ContentFetchTest, AFileThatSaysAWrongSizeIsRefused) {
  const auto leaf = add(cid::Codec::Raw, std::string(1000, 'x'));
  const auto last = add(cid::Codec::Raw, std::string(10, 'y'));
  const auto root =
      add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", (1u << 20) + 10, {1u << 20, 10},
                                    {{leaf, "", 1u << 20}, {last, "", 10}}));
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::Protocol);
  EXPECT_THAT(fetched.error().message, HasSubstr("1000 bytes, 1048576 by the node above it"));
  expectNothingKept();
}

TEST_F(ContentFetchTest, ALeafThatIsShorterThanItsNodeSaysIsMalformed) {
  const auto leaf = add(cid::Codec::Raw, std::string(1000, 'x'));
  const auto other = add(cid::Codec::Raw, std::string(500, 'y'));
  const auto root = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 1501, {1001, 500},
                                                  {{leaf, "", 1000}, {other, "", 500}}));
  expectMalformed(root);
}

TEST_F(ContentFetchTest, ANodeThatIsShorterThanTheOneAboveSaysIsMalformed) {
  const auto leaf = add(cid::Codec::Raw, std::string(1000, 'x'));
  const auto inner =
      add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 1000, {1000}, {{leaf, "", 1000}}));
  const auto root = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 2001, {1000, 1001},
                                                  {{inner, "", 1014}, {inner, "", 1014}}));
  expectMalformed(root);
}

TEST_F(ContentFetchTest, TwoSizesOfOneLeafAreMalformed) {
  const auto leaf = add(cid::Codec::Raw, std::string(1000, 'x'));
  const auto root = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 2001, {1000, 1001},
                                                  {{leaf, "", 1000}, {leaf, "", 1000}}));
  expectMalformed(root);
}

TEST_F(ContentFetchTest, ALeafThatIsHereIsLookedAtToo) {
  const auto leaf = publish(file("leaf", std::string(1000, 'x')));
  ASSERT_TRUE(store_->importPath(folder_ / "leaf"));
  const auto root =
      add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 1001, {1001}, {{leaf, "", 1001}}));
  const auto folder = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::Directory, "", 0, {},
                                                    {{root, "file", 1100}, {leaf, "leaf", 1000}}));
  const OddServer server(blocks_);
  const auto fetched = fetch(folder, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::Protocol);
}

TEST_F(ContentFetchTest, AFolderInsideAFileIsMalformed) {
  const auto folder = add(cid::Codec::DagPb, unixFs(cid::UnixFsType::Directory, "", 0, {}, {}));
  const auto root =
      add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 10, {10}, {{folder, "", 10}}));
  expectMalformed(root);
}

/// Nodes of a file in each other, so many levels below the root; the leaf is the last.
cid::Cid nodesInEachOther(BlockMap& blocks, cid::Cid next, std::uint64_t size, unsigned levels) {
  for (unsigned level = 0; level < levels; ++level) {
    const auto block = unixFs(cid::UnixFsType::File, "", size, {size}, {{next, "", size}});
    next = cid::Cid::of(cid::Codec::DagPb, std::as_bytes(std::span(block)));
    blocks[next] = block;
  }
  return next;
}

TEST_F(ContentFetchTest, AFileThatIsTooDeepIsRefusedBeforeItsEndIsAskedFor) {
  const auto leaf = add(cid::Codec::Raw, "leaf");
  const auto root = nodesInEachOther(blocks_, leaf, 4, 1100);
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::Protocol);
  EXPECT_LE(server.served(), 1025u);
  expectNothingKept();
  expectMalformed(nodesInEachOther(blocks_, leaf, 4, 1025));
}

TEST_F(ContentFetchTest, AFileAsDeepAsTheStoreReadsIsFetched) {
  const auto leaf = add(cid::Codec::Raw, "leaf");
  const auto root = nodesInEachOther(blocks_, leaf, 4, 1024);
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_TRUE(store_->exportPath(root, folder_ / "out"));
}

TEST_F(ContentFetchTest, AFileThatIsTooDeepByItsLongerWayIsMalformed) {
  const auto leaf = add(cid::Codec::Raw, "leaf");
  const auto below = nodesInEachOther(blocks_, leaf, 4, 600);
  const auto far = nodesInEachOther(blocks_, below, 4, 600);
  expectMalformed(add(cid::Codec::DagPb, unixFs(cid::UnixFsType::File, "", 8, {4, 4},
                                                {{below, "", 4}, {far, "", 4}})));
}

/// Folders in each other, so many levels of entries below the root.
cid::Cid foldersInEachOther(BlockMap& blocks, cid::Cid next, unsigned levels) {
  for (unsigned level = 0; level < levels; ++level) {
    const auto block = unixFs(cid::UnixFsType::Directory, "", 0, {}, {{next, "d", 1}});
    next = cid::Cid::of(cid::Codec::DagPb, std::as_bytes(std::span(block)));
    blocks[next] = block;
  }
  return next;
}

TEST_F(ContentFetchTest, AFolderThatIsTooDeepIsRefusedBeforeItsEndIsAskedFor) {
  const auto leaf = add(cid::Codec::Raw, "leaf");
  const auto root = foldersInEachOther(blocks_, leaf, 1000);
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(fetched.error().message, HasSubstr("deeper than 128 levels"));
  EXPECT_LE(server.served(), 130u);
  expectNothingKept();
}

TEST_F(ContentFetchTest, AFolderAsDeepAsTheStoreReadsIsFetched) {
  const auto leaf = add(cid::Codec::Raw, "leaf");
  const auto root = foldersInEachOther(blocks_, leaf, 128);
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root);
  EXPECT_EQ(store_->describe(root)->files, 1u);
}

TEST_F(ContentFetchTest, AFolderWithTooManyPathsIsRefusedBeforeItsFiles) {
  auto next = add(cid::Codec::Raw, std::string(1u << 20, 'x'));
  const auto leaf = next;
  for (unsigned level = 0; level < 21; ++level) {  // two million paths
    next = add(cid::Codec::DagPb,
               unixFs(cid::UnixFsType::Directory, "", 0, {}, {{next, "a", 1}, {next, "b", 1}}));
  }
  std::atomic<bool> leafAsked = false;
  const OddServer server(blocks_, [&](OddServer&, const OddServer::Request& request) {
    if (request.target.contains(leaf.text())) leafAsked = true;
    return false;
  });
  const auto fetched = fetch(next, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(fetched.error().message, HasSubstr("1000000 entries"));
  EXPECT_FALSE(leafAsked);
  expectNothingKept();
}

TEST_F(ContentFetchTest, WhatIsNeitherAFileNorAFolderIsRefused) {
  const auto root = add(cid::Codec::DagCbor, cid::encodeDagCbor({cid::IpldMap{}}));
  const OddServer server(blocks_);
  const auto fetched = fetch(root, {server.address()});
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(fetched.error().message, HasSubstr("dag-cbor"));
}

}  // namespace
}  // namespace webpool::sources

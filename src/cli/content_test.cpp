// `webpool content`, as a person types it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stop_token>
#include <thread>

#include "base/file.h"
#include "cid/car.h"
#include "cid/unixfs.h"
#include "cli/app.h"
#include "cli/content_flags.h"
#include "net/http_client.h"
#include "sources/testing/odd_server.h"
#include "store/testing/test_store.h"

namespace webpool::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

struct Ended {
  int code = 0;
  std::string out;
  std::string err;
  json::object object() const { return json::parse(out).as_object(); }
};

std::string textOf(const json::value& value) {
  return std::string(value.as_string());
}

class ContentCommand : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/webpool-content-test-XXXXXX";
    folder_ = ::mkdtemp(name);
    ::setenv("WEBPOOL_KUBO", "off", 1);  // what runs on this machine is no part of the tests
  }
  void TearDown() override { fs::remove_all(folder_); }

  Ended run(std::vector<std::string> words) const {
    Context context;
    context.paths.data = folder_ / "data";
    context.http = &http_;
    context.stop = stop_;
    Action action;
    CLI::App app("webpool");
    app.require_subcommand(1);
    addContentCommand(app, context, action);
    words.insert(words.begin(), "content");
    std::ranges::reverse(words);
    Ended ended;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app.parse(words);
      ended.code = action();
    } catch (const CLI::ParseError& error) {
      ended.code = app.exit(error);
    }
    ended.out = testing::internal::GetCapturedStdout();
    ended.err = testing::internal::GetCapturedStderr();
    return ended;
  }
  std::string write(const std::string& name, std::string_view contents) const {
    const auto path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << contents;
    return path.native();
  }
  std::string cidOf(const std::string& path) const {
    const auto added = run({"add", path, "--json"}).object();
    return textOf(added.at("added").at(0).at("cid"));
  }

  fs::path folder_;
  std::stop_token stop_;  ///< of all commands that are run
  mutable net::HttpClient http_;
};

constexpr auto kHelloCid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
constexpr auto kHelloSha256 = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

TEST_F(ContentCommand, AddPrintsTheCid) {
  const auto path = write("hello", "hello world");
  const auto added = run({"add", path});
  EXPECT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.out, HasSubstr(kHelloCid));
  EXPECT_THAT(added.out, HasSubstr(path));
  EXPECT_EQ(added.err, "");  // it took no second
  const auto two = run({"add", path, write("other", "x"), "--json"}).object();
  EXPECT_EQ(two.at("added").as_array().size(), 2u);
  EXPECT_EQ(two.at("added").at(0).at("bytes"), 11);
}

TEST_F(ContentCommand, WhatImportsLeftUnfinishedIsCounted) {
  ASSERT_EQ(run({"ls"}).code, 0);  // which makes the store
  const auto kept = "data/store/tmp/kept-" + std::string(32, 'a');
  write(kept + "/0", std::string(100'000, 'x'));
  write(kept + "/lock", "");
  EXPECT_EQ(run({"gc", "--json"}).object().at("bytes"), 0);
  EXPECT_EQ(run({"gc", "--unfinished", "--dry-run", "--json"}).object().at("bytes"), 100'000);
  EXPECT_TRUE(fs::exists(folder_ / kept));
  EXPECT_EQ(run({"gc", "--unfinished", "--json"}).object().at("bytes"), 100'000);
  EXPECT_FALSE(fs::exists(folder_ / kept));
}

TEST_F(ContentCommand, ADryRunStoresNothing) {
  write("f/hello", "hello world");
  write("f/sub/x", "x");
  const auto planned = run({"add", "--dry-run", "--json", folder_ / "f"}).object();
  EXPECT_FALSE(fs::exists(folder_ / "data"));
  const auto& entries = planned.at("planned").at(0).at("entries").as_array();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(textOf(entries[0].at("cid")), kHelloCid);
  EXPECT_EQ(textOf(entries[3].at("kind")), "folder");
  EXPECT_EQ(textOf(planned.at("planned").at(0).at("cid")), cidOf(folder_ / "f"));
  EXPECT_THAT(run({"add", "--dry-run", folder_ / "f"}).out, HasSubstr("f/hello\n"));
}

TEST_F(ContentCommand, AddSaysWhatIsMissing) {
  const auto missing = run({"add", folder_ / "none"});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("none"));
  EXPECT_THAT(missing.err, HasSubstr("[not_found]"));
  // What came before the mistake is here, and is told.
  const auto half = run({"add", write("hello", "hello world"), folder_ / "none", "--json"});
  EXPECT_EQ(half.code, 4);
  EXPECT_EQ(half.object().at("added").as_array().size(), 1u);
}

TEST_F(ContentCommand, GetWritesFilesFoldersAndStandardOutput) {
  write("f/sub/hello", "hello world");
  const auto cid = cidOf(folder_ / "f");
  const auto out = (folder_ / "copy").native();
  const auto got = run({"get", cid, "-o", out, "--json"});
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.object().at("files"), 1);
  EXPECT_EQ(base::readFile(folder_ / "copy/sub/hello").value(), "hello world");
  EXPECT_EQ(run({"get", cid + "/sub/hello", "-o", "-"}).out, "hello world");
  EXPECT_EQ(run({"get", "ipfs://" + cid + "/sub/hello", "-o", "-"}).out, "hello world");
  EXPECT_EQ(run({"get", std::string("sha256:") + kHelloSha256, "-o", "-"}).out, "hello world");
  const auto again = run({"get", cid, "-o", out});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("is there already"));
  EXPECT_EQ(run({"get", cid + "/nothing", "-o", "-"}).code, 4);
  EXPECT_EQ(run({"get", cid, "-o", "-"}).code, 2);  // a folder is no stream
  const auto none = run({"get", "no-cid"}).err;
  EXPECT_THAT(none, HasSubstr("\"no-cid\" is no usable CID: "));
  EXPECT_EQ(none.find("no-cid"), none.rfind("no-cid"));
  EXPECT_EQ(run({"get", "b!"}).code, 2);
  EXPECT_THAT(run({"get", "sha256:12"}).err, HasSubstr("64 hexadecimal digits"));
}

TEST_F(ContentCommand, ExportWritesACarThatImportTakes) {
  write("f/sub/hello", "hello world");
  const auto cid = cidOf(folder_ / "f");
  const auto car = (folder_ / "f.car").native();
  const auto exported = run({"export", cid, "-o", car, "--json"});
  EXPECT_EQ(exported.code, 0) << exported.err;
  EXPECT_EQ(textOf(exported.object().at("cid")), cid);
  EXPECT_EQ(exported.object().at("blocks"), 3);
  EXPECT_EQ(run({"export", cid, "-o", car}).code, 2);  // it is there already
  EXPECT_EQ(run({"export", cid, "-o", "-"}).out, base::readFile(car).value());
  const auto one = run({"export", cid + "/sub", "-o", car + "1", "--scope", "block", "--json"});
  EXPECT_EQ(one.object().at("blocks"), 1);
  EXPECT_EQ(run({"export", cid + "/none", "-o", car + "2"}).code, 4);

  fs::remove_all(folder_ / "data");
  const auto imported = run({"import", car, "--name", "mine", "--json"});
  EXPECT_EQ(imported.code, 0) << imported.err;
  const auto first = imported.object().at("imported").at(0);
  EXPECT_EQ(textOf(first.at("roots").at(0)), cid);
  EXPECT_EQ(first.at("blocks"), 3);
  EXPECT_EQ(first.at("pinned"), true);
  EXPECT_THAT(run({"pin", "ls"}).out, HasSubstr("mine"));
  EXPECT_EQ(run({"get", cid + "/sub/hello", "-o", "-"}).out, "hello world");
}

TEST_F(ContentCommand, ImportSaysWhatIsWrongAndWhatIsNotKept) {
  const auto cid = cidOf(write("hello", "hello world"));
  const auto car = (folder_ / "hello.car").native();
  ASSERT_EQ(run({"export", cid, "-o", car}).code, 0);
  EXPECT_THAT(run({"import", car}).err, HasSubstr("nothing of it is pinned"));
  EXPECT_EQ(run({"import", car, car, "--name", "x"}).code, 2);
  EXPECT_EQ(run({"import", (folder_ / "none.car").native()}).code, 4);
  const auto text = base::readFile(car).value();
  const auto cut = run({"import", write("cut.car", text.substr(0, text.size() - 1)), "--pin"});
  EXPECT_EQ(cut.code, 3);
  EXPECT_THAT(cut.err, HasSubstr("cut off"));
  EXPECT_THAT(cut.err, HasSubstr("[protocol]"));
  const auto lie = run({"import", write("lie.car", text.substr(0, text.size() - 1) + "D")});
  EXPECT_EQ(lie.code, 7);
  EXPECT_THAT(lie.err, HasSubstr("lie.car"));
  // What was good before is told.
  const auto half = run({"import", car, (folder_ / "none.car").native(), "--json"});
  EXPECT_EQ(half.code, 4);
  EXPECT_EQ(half.object().at("imported").as_array().size(), 1u);
}

TEST_F(ContentCommand, APipeThatNobodyWritesToIsLeftWhenTheCommandIsEnded) {
  const auto pipe = (folder_ / "pipe").native();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::stop_source stop;
  stop_ = stop.get_token();
  std::atomic<bool> ended = false;
  const std::jthread ender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
    // Whoever does not hear of it is let go in the end, and is no Cancelled then.
    for (int i = 0; i < 100 && !ended; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const base::FileDescriptor writer(::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  });
  const auto begun = std::chrono::steady_clock::now();
  const auto imported = run({"import", pipe});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
  ended = true;
  EXPECT_THAT(imported.err, HasSubstr("interrupted"));
}

TEST_F(ContentCommand, WhatIsNoCarIsRefusedByName) {
  const auto folder = run({"import", folder_.native()});
  EXPECT_EQ(folder.code, 2);
  EXPECT_THAT(folder.err, HasSubstr("is a folder and no CAR"));
  const auto nothing = run({"add", ""});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("empty"));
}

/// A CAR of these blocks; the first is its root.
std::string carOf(const std::vector<std::pair<cid::Cid, std::string>>& blocks) {
  auto car = cid::carHeader(std::vector{blocks.front().first});
  for (const auto& [cid, block] : blocks) {
    car += cid::carSectionHead(cid, block.size());
    car += block;
  }
  return car;
}

std::pair<cid::Cid, std::string> blockOf(cid::Codec codec, std::string block) {
  const auto cid = cid::Cid::of(codec, std::as_bytes(std::span(block)));
  return {cid, std::move(block)};
}

std::pair<cid::Cid, std::string> folderOf(const cid::Cid& entry, const std::string& name) {
  cid::UnixFsData data;
  data.type = cid::UnixFsType::Directory;
  return blockOf(cid::Codec::DagPb, cid::encodeNode({{{entry, name, 4}}, cid::encodeUnixFs(data)}));
}

TEST_F(ContentCommand, AMalformedCarIsBadInput) {
  const auto good = carOf({blockOf(cid::Codec::Raw, "hello")});
  const std::map<std::string, std::string> cars{
      {"empty", ""},
      {"garbage", std::string(4096, '\x77')},
      {"header that lies", "\xff\xff\xff\x7f\xa2" + good},
      {"cut off", good.substr(0, good.size() - 3)},
      {"trailing bytes", good + std::string(1, '\0')},
      {"large block", carOf({blockOf(cid::Codec::Raw, std::string((2u << 20) + 1, 'x'))})}};
  for (const auto& [name, car] : cars) {
    const auto refused = run({"import", write("bad.car", car)});
    EXPECT_EQ(refused.code, 3) << name << ": " << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("malformed CAR")) << name;
  }
  // Well-formed, but of a hash function that is not here.
  const auto sha512 = std::string("\x01\x55\x13\x40", 4) + std::string(64, 'h');
  const auto foreign = good + static_cast<char>(sha512.size() + 1) + sha512 + "x";
  EXPECT_EQ(run({"import", write("bad.car", foreign)}).code, 6);
  // The same as a root, in the CAR's header.
  const auto header = std::string("\xa2\x65roots\x81\xd8\x2a\x58\x45\0", 13) + sha512 +
                      std::string("\x67version\x01");
  const auto root = run({"import", write("bad.car", static_cast<char>(header.size()) + header)});
  EXPECT_EQ(root.code, 6) << root.err;
  EXPECT_THAT(root.err, HasSubstr("sha2-512"));
}

TEST_F(ContentCommand, MalformedNodesAreBadInput) {
  const auto leaf = blockOf(cid::Codec::Raw, "evil");
  const auto up = folderOf(leaf.first, "..");
  const auto broken = blockOf(cid::Codec::DagCbor, "\x81");
  auto deep = std::vector{folderOf(leaf.first, "x"), leaf};
  for (int i = 0; i < 1100; ++i) deep.insert(deep.begin(), folderOf(deep.front().first, "d"));
  for (const auto& blocks : {std::vector{up, leaf}, std::vector{broken}, deep}) {
    ASSERT_EQ(run({"import", write("a.car", carOf(blocks))}).code, 0);
  }
  const auto out = (folder_ / "out").native();
  EXPECT_EQ(run({"get", up.first.text(), "-o", out}).code, 3);
  EXPECT_FALSE(fs::exists(folder_ / "evil"));
  EXPECT_EQ(run({"verify", broken.first.text()}).code, 3);
  EXPECT_EQ(run({"export", broken.first.text(), "-o", out}).code, 3);
  EXPECT_EQ(run({"export", deep.front().first.text(), "-o", out}).code, 3);
}

std::string unixFsNode(const cid::UnixFsData& data, const std::vector<cid::Link>& links = {}) {
  return cid::encodeNode({links, cid::encodeUnixFs(data)});
}

TEST_F(ContentCommand, GetVerifyAndFetchAgreeOnWhatCanNotBeRead) {
  const auto leaf = blockOf(cid::Codec::Raw, "leaf").first;
  cid::UnixFsData sizes;
  sizes.fileSize = 7;
  sizes.blockSizes = {4};
  cid::UnixFsData shard;
  shard.type = cid::UnixFsType::HamtShard;
  shard.hashType = 0x22;
  shard.fanout = 256;
  shard.data = "\x01";
  auto foreignShard = shard;
  foreignShard.hashType = 0x12;
  cid::UnixFsData metadata;
  metadata.type = cid::UnixFsType::Metadata;
  const auto sha512 = std::string("\x01\x55\x13\x40", 4) + std::string(64, 'h');
  struct Case {
    cid::Codec codec;
    std::string block;
    int code;
  };
  const std::map<std::string, Case> cases{
      {"no dag-pb", {cid::Codec::DagPb, "\xff\xff\xff", 3}},
      {"sizes that disagree", {cid::Codec::DagPb, unixFsNode(sizes, {{leaf, "", 4}}), 3}},
      {"a shard without its link", {cid::Codec::DagPb, unixFsNode(shard), 3}},
      {"cut off DAG-CBOR", {cid::Codec::DagCbor, "\x81", 3}},
      {"no DAG-JSON", {cid::Codec::DagJson, "{", 3}},
      {"another shard", {cid::Codec::DagPb, unixFsNode(foreignShard), 6}},
      {"metadata", {cid::Codec::DagPb, unixFsNode(metadata), 6}},
      {"a link of dag-pb by sha2-512",
       {cid::Codec::DagPb, "\x12\x46\x0a\x44" + sha512 + "\x0a\x02\x08\x01", 6}},
      {"a link of DAG-CBOR by sha2-512",
       {cid::Codec::DagCbor, std::string("\xd8\x2a\x58\x45\0", 5) + sha512, 6}}};
  const auto out = (folder_ / "out").native();
  for (const auto& [name, is] : cases) {
    fs::remove_all(folder_ / "data");
    const auto block = blockOf(is.codec, is.block);
    const auto cid = block.first.text();
    const sources::BlockMap blocks{block};
    const sources::OddServer server(blocks);
    const auto fetched = run({"fetch", cid, "--gateway", server.address()});
    EXPECT_EQ(fetched.code, is.code) << name << ": " << fetched.err;
    EXPECT_THAT(fetched.err, HasSubstr(cid)) << name;
    ASSERT_EQ(run({"import", write("a.car", carOf({block}))}).code, 0) << name;
    for (const auto& words : {std::vector<std::string>{"verify", cid},
                              {"get", cid, "-o", out, "--offline"},
                              {"get", cid, "-o", "-", "--offline"}}) {
      const auto ended = run(words);
      EXPECT_EQ(ended.code, is.code) << name << ", " << words.front() << ": " << ended.err;
      EXPECT_THAT(ended.err, HasSubstr(cid)) << name;
    }
    EXPECT_FALSE(fs::exists(out)) << name;
  }
}

TEST_F(ContentCommand, APathIntoAValueIsUnsupportedHereAndElsewhere) {
  const auto value = blockOf(cid::Codec::DagJson, R"({"a":{"b":1}})");
  const auto address = value.first.text() + "/a/b";
  const sources::BlockMap blocks{value};
  const sources::OddServer server(blocks);
  EXPECT_EQ(run({"fetch", address, "--gateway", server.address()}).code, 6);
  ASSERT_EQ(run({"import", write("a.car", carOf({value}))}).code, 0);
  const auto before = server.requests();
  EXPECT_EQ(run({"get", address, "-o", "-", "--gateway", server.address()}).code, 6);
  EXPECT_EQ(server.requests(), before) << "it is here: nobody is asked for it";
  EXPECT_EQ(run({"verify", address}).code, 6);
}

TEST_F(ContentCommand, LsShowsNamesThatAreOdd) {
  write("f/a\nb", "x");
  write("f/\xff", "y");
  write("f/\x1b[31m", "z");
  fs::create_symlink("there", folder_ / "f/link");
  const auto cid = cidOf(folder_ / "f");
  const auto listed = run({"ls", cid});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("a\\x0ab"));
  EXPECT_THAT(listed.out, HasSubstr("\\xff"));
  EXPECT_THAT(listed.out, HasSubstr("link -> there"));
  EXPECT_THAT(listed.out, Not(HasSubstr("\x1b")));
  // A program gets them as they are, and finds what they name.
  const auto object = run({"ls", cid, "--json"}).object();
  const auto& entries = object.at("entries").as_array();
  EXPECT_EQ(entries.size(), 4u);
  std::map<std::string, std::string> contents;
  for (const auto& entry : entries) {
    if (textOf(entry.at("kind")) != "file") continue;
    auto path = textOf(entry.at("path"));
    if (const auto* bytes = entry.as_object().if_contains("path_base64")) {
      EXPECT_EQ(path, "\\xff");
      EXPECT_EQ(textOf(*bytes), "/w==");
      path = "\xff";
    }
    contents[path] = run({"get", cid + "/" + path, "-o", "-"}).out;
  }
  EXPECT_EQ(contents,
            (std::map<std::string, std::string>{{"a\nb", "x"}, {"\xff", "y"}, {"\x1b[31m", "z"}}));
  const auto planned = run({"add", "--dry-run", "--json", folder_ / "f"}).object();
  std::set<std::string> paths;
  for (const auto& entry : planned.at("planned").at(0).at("entries").as_array()) {
    paths.insert(textOf(entry.at("path")));
  }
  EXPECT_TRUE(paths.contains("a\nb") && paths.contains("\x1b[31m") && paths.contains("\\xff"));
  write("g/sub/deep", "d");
  const auto deep = run({"ls", "-r", cidOf(folder_ / "g")}).out;
  EXPECT_THAT(deep, HasSubstr("sub/deep"));
}

TEST_F(ContentCommand, StatTellsTheAliasAndThePins) {
  const auto cid = cidOf(write("hello", "hello world"));
  const auto about = run({"stat", cid, "--json"}).object();
  EXPECT_EQ(textOf(about.at("sha256")), kHelloSha256);
  EXPECT_EQ(about.at("bytes"), 11);
  EXPECT_EQ(textOf(about.at("pins").at(0).at("name")), (folder_ / "hello").native());
  EXPECT_THAT(run({"stat", std::string("sha256:") + kHelloSha256}).out, HasSubstr(cid));
}

TEST_F(ContentCommand, VerifyFindsDamage) {
  const auto cid = cidOf(write("hello", "hello world"));
  EXPECT_THAT(run({"verify"}).out, HasSubstr("all right"));
  EXPECT_EQ(run({"verify", cid}).code, 0);
  const auto stored = folder_ / "data/store/files" / kHelloSha256;
  const auto time = fs::last_write_time(stored);
  fs::permissions(stored, fs::perms(0644));
  std::ofstream(stored) << "hello_world";
  fs::last_write_time(stored, time);
  const auto all = run({"verify", "--json"});
  EXPECT_EQ(all.code, 7);
  EXPECT_EQ(textOf(all.object().at("damaged").at(0).at("cid")), cid);
  const auto one = run({"verify", cid, "--json"});
  EXPECT_EQ(one.code, 7);
  EXPECT_EQ(one.object().at("verified").at(0).at("ok"), false);
}

TEST_F(ContentCommand, PinsKeepAndTheCollectionFrees) {
  const auto path = write("hello", "hello world");
  const auto cid = cidOf(path);
  EXPECT_EQ(run({"pin", "add", cid, "--name", "mine"}).code, 0);
  EXPECT_THAT(run({"pin", "ls"}).out, HasSubstr("mine"));
  EXPECT_EQ(run({"pin", "rm", "mine"}).code, 0);
  EXPECT_EQ(run({"pin", "rm", "mine"}).code, 4);
  EXPECT_EQ(run({"gc", "--json"}).object().at("files"), 0);
  EXPECT_EQ(run({"pin", "rm", path}).code, 0);
  EXPECT_EQ(run({"gc", "--dry-run", "--json"}).object().at("files"), 1);
  EXPECT_EQ(run({"stat", cid}).code, 0);
  EXPECT_THAT(run({"gc"}).out, HasSubstr("1 files"));
  EXPECT_EQ(run({"stat", cid}).code, 4);
  EXPECT_EQ(run({"pin", "add", cid}).code, 4);
}

TEST_F(ContentCommand, LinkKeepsAFurtherName) {
  const auto path = write("hello", "hello world");
  EXPECT_EQ(run({"add", "--link", path}).code, 0);
  EXPECT_EQ(fs::hard_link_count(path), 2u);
  EXPECT_EQ(run({"stat", kHelloCid, "--json"}).object().at("linked"), true);
}

TEST_F(ContentCommand, EveryHelpHasExamples) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"add"},
                                                  {"get"},
                                                  {"export"},
                                                  {"import"},
                                                  {"ls"},
                                                  {"stat"},
                                                  {"verify"},
                                                  {"gc"},
                                                  {"pin"},
                                                  {"pin", "add"},
                                                  {"pin", "ls"},
                                                  {"pin", "rm"}}) {
    auto words = command;
    words.emplace_back("--help");
    const auto help = run(words);
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Examples:")) << command.back();
  }
}

TEST(ShownName, KeepsWhatIsTextAndEscapesTheRest) {
  EXPECT_EQ(shownName("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
  EXPECT_EQ(shownName("a\tb\x7f"), "a\\x09b\\x7f");
  EXPECT_EQ(shownName("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(shownName("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(shownName("\xc2\x9b"), "\\xc2\\x9b");           // a control character
  EXPECT_EQ(shownName("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(shownName("\xe2\x82"), "\\xe2\\x82");  // cut off
}

/// A gateway with one file of two leaves and a folder around it.
class ContentFromElsewhere : public ContentCommand {
 protected:
  void SetUp() override {
    ContentCommand::SetUp();
    const auto leaf = add(cid::Codec::Raw, std::string(1u << 20, 'a'));
    const auto last = add(cid::Codec::Raw, "end");
    cid::UnixFsData file;
    file.fileSize = (1u << 20) + 3;
    file.blockSizes = {1u << 20, 3};
    file_ = add(cid::Codec::DagPb,
                cid::encodeNode({{{leaf, "", 1u << 20}, {last, "", 3}}, cid::encodeUnixFs(file)}));
    cid::UnixFsData folder;
    folder.type = cid::UnixFsType::Directory;
    const auto size = (1u << 20) + 3 + blocks_.at(file_).size();
    folderCid_ =
        add(cid::Codec::DagPb, cid::encodeNode({{{file_, "x", size}}, cid::encodeUnixFs(folder)}));
  }

  cid::Cid add(cid::Codec codec, const std::string& block) {
    const auto cid = cid::Cid::of(codec, std::as_bytes(std::span(block)));
    blocks_[cid] = block;
    return cid;
  }

  sources::BlockMap blocks_;
  cid::Cid file_;
  cid::Cid folderCid_;
};

TEST_F(ContentFromElsewhere, GetFetchesWhatIsNotHere) {
  const sources::OddServer server(blocks_);
  const sources::OddServer liar(blocks_, [](auto&, const auto& request) {
    sources::OddServer::answer(request.socket, 200, "not it");
    return true;
  });
  const auto address = "ipfs://" + folderCid_.text() + "/x";
  const auto out = (folder_ / "out").native();
  const auto offline = run({"get", address, "-o", out, "--offline", "--gateway", server.address()});
  EXPECT_EQ(offline.code, 4) << offline.err;
  EXPECT_EQ(server.requests(), 0u);
  const auto got = run({"get", address, "-o", out, "--json", "--gateway", liar.address(),
                        "--gateway", server.address()});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(fs::file_size(out), (1u << 20) + 3);
  EXPECT_THAT(got.err, HasSubstr("from " + server.address()));
  const auto object = got.object();
  EXPECT_GE(object.at("sources").at(server.address()).as_int64(), 1 << 20);
  EXPECT_THAT(run({"pin", "ls"}).out, Not(HasSubstr("fetch"))) << "it is not kept";
  EXPECT_EQ(run({"gc"}).code, 0);
  EXPECT_EQ(run({"stat", file_.text()}).code, 4);
  const auto printed = run({"get", address, "-o", "-", "--gateway", server.address()});
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_EQ(printed.out.size(), (1u << 20) + 3);
}

TEST_F(ContentFromElsewhere, GetTakesADamagedFileFromASource) {
  const sources::OddServer server(blocks_);
  ASSERT_EQ(run({"fetch", folderCid_.text(), "--gateway", server.address()}).code, 0);
  const auto out = (folder_ / "out").native();
  for (const auto& entry : fs::directory_iterator(folder_ / "data/store/files")) {
    store::damage(entry.path(), 1000);
  }
  const auto alone = run({"get", file_.text(), "-o", out, "--offline"});
  EXPECT_EQ(alone.code, 7) << alone.err;
  const auto none = run({"get", file_.text(), "-o", out});
  EXPECT_EQ(none.code, 7) << none.err;
  EXPECT_THAT(none.err, HasSubstr("--gateway"));
  const auto got = run({"get", file_.text(), "-o", out, "--gateway", server.address()});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(fs::file_size(out), (1u << 20) + 3);
  EXPECT_EQ(run({"verify"}).code, 0);
  EXPECT_THAT(run({"pin", "ls"}).out, Not(HasSubstr("fetch"))) << "it is not kept";
}

TEST_F(ContentFromElsewhere, FetchMendsWhatGetFoundDamaged) {
  const sources::OddServer server(blocks_);
  ASSERT_EQ(run({"fetch", folderCid_.text(), "--gateway", server.address()}).code, 0);
  for (const auto& entry : fs::directory_iterator(folder_ / "data/store/files")) {
    store::damage(entry.path(), 1000);
  }
  EXPECT_EQ(run({"get", file_.text(), "-o", (folder_ / "out").native(), "--offline"}).code, 7);
  ASSERT_EQ(run({"fetch", folderCid_.text(), "--gateway", server.address()}).code, 0);
  EXPECT_EQ(run({"verify", folderCid_.text()}).code, 0);
}

TEST_F(ContentFromElsewhere, ARouterWhoseAnswerIsPassedOverIsNamed) {
  const auto routed = [&](int status, const std::string& answer) {
    const sources::OddServer router({}, [&](auto&, const auto& request) {
      sources::OddServer::answer(request.socket, status, answer);
      return true;
    });
    const auto none = run({"fetch", folderCid_.text(), "--router", router.address()});
    EXPECT_EQ(none.code, 4) << none.err;
    EXPECT_THAT(none.err, HasSubstr(router.address()));
    return none.err;
  };
  const auto plain = routed(200, R"({"Providers":[{"Protocols":["transport-ipfs-gateway-http"],)"
                                 R"("Addrs":["/ip4/192.0.2.1/tcp/1234/http"]}]})");
  EXPECT_THAT(plain, HasSubstr("named http://192.0.2.1:1234, which was passed over: it is not "
                               "encrypted"));
  EXPECT_THAT(plain, HasSubstr("--peer"));
  EXPECT_THAT(routed(500, "x"), HasSubstr("HTTP 500"));
}

TEST_F(ContentFromElsewhere, FetchBringsAndPins) {
  const sources::OddServer server(blocks_);
  const auto none = run({"fetch", folderCid_.text()});
  EXPECT_EQ(none.code, 4);
  EXPECT_THAT(none.err, HasSubstr("--gateway"));
  ::setenv("WEBPOOL_GATEWAY", server.address().c_str(), 1);
  const auto fetched = run({"fetch", folderCid_.text(), "--name", "mine", "--json"});
  ::unsetenv("WEBPOOL_GATEWAY");
  ASSERT_EQ(fetched.code, 0) << fetched.err;
  const auto object = fetched.object();
  EXPECT_EQ(textOf(object.at("cid")), folderCid_.text());
  EXPECT_EQ(object.at("files"), 1);
  EXPECT_GE(object.at("sources").at(server.address()).as_int64(), 1 << 20);
  EXPECT_EQ(object.at("lied").as_array().size(), 0u);
  EXPECT_THAT(run({"pin", "ls"}).out, HasSubstr("mine"));
  EXPECT_EQ(run({"gc"}).code, 0);
  EXPECT_EQ(run({"verify", folderCid_.text()}).code, 0);
  const auto before = server.requests();
  EXPECT_EQ(run({"fetch", folderCid_.text(), "--gateway", server.address()}).code, 0);
  EXPECT_EQ(server.requests(), before) << "nothing is asked for that is here";
  EXPECT_EQ(run({"fetch", "b!"}).code, 2);
  EXPECT_EQ(run({"fetch", folderCid_.text(), "--gateway", "http://192.0.2.1"}).code, 2);
}

}  // namespace
}  // namespace webpool::cli

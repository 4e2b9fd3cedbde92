// Content out of several sources by the real binary: gateways on loopback that are slow, stuck,
// lying, endless, or redirect for ever; kills; settings; models.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <thread>

#include "base/random.h"
#include "cid/dag_walk.h"
#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "sources/testing/odd_server.h"
#include "store/content_store.h"

namespace webpool::functional {
namespace {

using sources::OddServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kMegabyte = 1'000'000;

std::string randomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::mt19937_64 random(size);
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string onDisk(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

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

bool hangs(OddServer& server, const OddServer::Request& request) {
  server.hang(request.socket);
  return true;
}

bool lies(OddServer&, const OddServer::Request& request) {
  OddServer::answer(request.socket, 200, std::string(1000, 'x'));
  return true;
}

bool sendsForEver(OddServer& server, const OddServer::Request& request) {
  OddServer::say(request.socket, "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  while (!server.isEnding() && OddServer::say(request.socket, chunk)) {
  }
  return true;
}

bool redirectsForEver(OddServer&, const OddServer::Request& request) {
  OddServer::answer(request.socket, 302, "", "Location: " + request.target + "\r\n");
  return true;
}

class Sources : public CliTest {
 protected:
  Sources() { environment_["WEBPOOL_KUBO"] = "off"; }

  void useData(const std::string& name) { environment_["WEBPOOL_DATA_DIR"] = folder() / name; }

  /// The blocks below a root of a store are served from then on.
  void serveTree(const std::filesystem::path& data, const std::string& text) {
    const auto store = store::ContentStore::open(data / "store", base::systemRandom());
    ASSERT_TRUE(store) << store.error().describe();
    StoreBlocks from(**store);
    cid::DagWalk walk(from, cid::Cid::parse(text).value(), {});
    while (true) {
      auto step = walk.next();
      ASSERT_TRUE(step) << step.error().describe();
      if (!*step) break;
      blocks_[(*step)->cid.normalized()] = std::string((*step)->block.text());
    }
  }

  /// Keeps it in a store of others; its CID.
  std::string publish(const std::filesystem::path& path) {
    useData("theirs");
    const auto added = run({"content", "add", path, "--json"});
    EXPECT_EQ(added.code, 0) << added.err;
    const auto cid = std::string(added.json().at("added").at(0).at("cid").as_string());
    serveTree(folder() / "theirs", cid);
    useData("ours");
    return cid;
  }

  /// Kills it once the server has sent some of it.
  void killInTheMiddle(const std::vector<std::string>& command, const OddServer& server) {
    const auto killed = start(command);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (server.served() < 6 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    // Some of what was asked for is here by now, at four megabytes a second.
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    killed->signal(SIGKILL);
    EXPECT_EQ(killed->wait().code, 128 + SIGKILL) << "it came to its end before";
  }

  sources::BlockMap blocks_;
};

TEST_F(Sources, OddOnesHoldNothingUpAndLiarsAreNamed) {
  const auto bytes = randomBytes(16 * kMegabyte);
  const auto cid = publish(write("file", bytes));
  OddServer slow(blocks_), right(blocks_);
  slow.limit(30e3);
  right.limit(8e6);
  const OddServer stuck(blocks_, hangs), liar(blocks_, lies), endless(blocks_, sendsForEver),
      redirecting(blocks_, redirectsForEver);
  std::vector<std::string> command{"content", "get", cid, "-o", folder() / "got", "--json"};
  for (const OddServer* server : std::initializer_list<const OddServer*>{
           &slow, &stuck, &liar, &endless, &redirecting, &right}) {
    command.insert(command.end(), {"--gateway", server->address()});
  }
  const auto begun = std::chrono::steady_clock::now();
  const auto got = run(command);
  const auto took = std::chrono::steady_clock::now() - begun;
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_TRUE(onDisk(folder() / "got") == bytes);
  // The stuck one would cost 20 s, a block of the slow one 35 s.
  EXPECT_LT(took, std::chrono::seconds(15));
  for (const auto* server : {&stuck, &redirecting}) EXPECT_GT(server->requests(), 0u);
  const auto answer = got.json();
  for (const auto* server : {&liar, &endless}) {
    const auto address = server->address();
    EXPECT_THAT(got.err, HasSubstr(address + " sent wrong bytes and was asked nothing more"));
    EXPECT_TRUE(std::ranges::find(answer.at("lied").as_array(), boost::json::value(address)) !=
                answer.at("lied").as_array().end());
  }
  EXPECT_EQ(answer.at("lied").as_array().size(), 2u);
  EXPECT_GT(answer.at("sources").at(right.address()).as_int64(), 12'000'000);
}

TEST_F(Sources, AnOddOneAloneIsNamedAndNothingIsKept) {
  const auto cid = publish(write("file", randomBytes(3 * kMegabyte)));
  const auto expectFailure = [&](const OddServer& server, int code) {
    const auto got = run({"content", "fetch", cid, "--gateway", server.address()});
    EXPECT_EQ(got.code, code) << got.err;
    EXPECT_THAT(got.err, HasSubstr(server.address()));
    EXPECT_EQ(run({"content", "stat", cid}).code, 4);
  };
  expectFailure(OddServer(blocks_, lies), 7);
  expectFailure(OddServer(blocks_, sendsForEver), 7);
  expectFailure(OddServer(blocks_, redirectsForEver), 8);
  EXPECT_EQ(run({"content", "pin", "ls"}).out.find("fetch"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder() / "ours/store/files"));
}

TEST_F(Sources, WhatWasKilledGoesOn) {
  const auto bytes = randomBytes(12 * kMegabyte);
  const auto cid = publish(write("file", bytes));
  for (const auto* verb : {"get", "fetch"}) {
    useData(verb);
    OddServer server(blocks_);
    server.limit(4e6);
    std::vector<std::string> command{"content", verb, cid, "--json", "--gateway", server.address()};
    if (verb == std::string("get")) command.insert(command.end(), {"-o", folder() / "got"});
    killInTheMiddle(command, server);
    EXPECT_FALSE(std::filesystem::exists(folder() / "got") && verb == std::string("fetch") &&
                 onDisk(folder() / "got") != bytes);
    server.limit(0);
    const auto done = run(command);
    ASSERT_EQ(done.code, 0) << done.err;
    const auto from = done.json().at("sources").as_object();
    const auto here = from.at("store").as_int64(), sent = from.at(server.address()).as_int64();
    EXPECT_GT(here, kMegabyte) << verb;
    EXPECT_LT(sent, 11 * kMegabyte) << verb;
    EXPECT_GE(here + sent, 12 * kMegabyte) << verb;
    EXPECT_EQ(run({"content", "verify"}).code, 0);
  }
  EXPECT_TRUE(onDisk(folder() / "got") == bytes);
}

TEST_F(Sources, AModelThatWasKilledGoesOn) {
  std::filesystem::create_directories(folder() / "model/onnx");
  write("model/config.json", "{}");
  // Weights of one value make leaves that are alike, which are asked for once.
  const auto weights = randomBytes(9 * kMegabyte);
  write("model/onnx/model.onnx", onnx::testing::matMulModel(DataType::Fp32, 256, 256));
  write("model/weights.bin", weights);
  const auto cid = publish(folder() / "model");
  OddServer server(blocks_);
  server.limit(4e6);
  environment_["WEBPOOL_GATEWAY"] = server.address();
  const std::vector<std::string> command{"models", "add", "ipfs://" + cid, "--name", "mine"};
  killInTheMiddle(command, server);
  EXPECT_EQ(run({"models", "show", "mine"}).code, 4) << "it is not there by half";
  server.limit(0);
  const auto done = run(command);
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.err, AllOf(HasSubstr("from what was here"), HasSubstr(server.address())));
  EXPECT_THAT(run({"models", "show", "mine"}).out, HasSubstr("ipfs://" + cid));
  EXPECT_EQ(run({"content", "verify"}).code, 0);
}

TEST_F(Sources, FlagsAreStrongerThanTheEnvironmentAndThatThanTheFile) {
  const auto cid = publish(write("file", randomBytes(100'000)));
  const OddServer file(blocks_), environment(blocks_), flag(blocks_);
  const auto settings = write("webpool.toml", "peer = [\"" + file.address() + "\"]\n");
  const auto get = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command{"--config", settings, "content", "get",
                                     cid,        "-o",     "-",       "--json"};
    command.insert(command.end(), more.begin(), more.end());
    const auto got = run(command);
    EXPECT_EQ(got.code, 0) << got.err;
    EXPECT_EQ(run({"content", "gc"}).code, 0);  // a get keeps nothing
  };
  get({});
  EXPECT_GT(file.requests(), 0u);
  const auto before = file.requests();
  environment_["WEBPOOL_PEER"] = environment.address();
  get({});
  EXPECT_GT(environment.requests(), 0u);
  const auto then = environment.requests();
  get({"--peer", flag.address()});
  EXPECT_GT(flag.requests(), 0u);
  EXPECT_EQ(file.requests(), before);
  EXPECT_EQ(environment.requests(), then);
  const auto shown = run({"--config", settings, "config"});
  EXPECT_THAT(shown.out, HasSubstr("WEBPOOL_PEER"));
}

/// `webpool content serve` over the other store; its address.
std::string addressOf(Running& node) {
  EXPECT_TRUE(node.waitForOutput("\n")) << node.soFar().err;
  return std::string(node.soFar().json().at("url").as_string());
}

TEST_F(Sources, TwoWebpoolNodesGiveAFileTogether) {
  const auto bytes = randomBytes(40 * kMegabyte);
  const auto cid = publish(write("file", bytes));
  useData("theirs");
  const auto one = start({"content", "serve", "--no-scrub", "--json"});
  const auto two = start({"content", "serve", "--no-scrub", "--json"});
  useData("ours");
  const auto first = addressOf(*one), second = addressOf(*two);
  ASSERT_NE(first, second);
  const auto got = run(
      {"content", "get", cid, "-o", folder() / "got", "--json", "--peer", first, "--peer", second});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_TRUE(onDisk(folder() / "got") == bytes);
  const auto from = got.json().at("sources").as_object();
  EXPECT_GT(from.at(first).as_int64(), kMegabyte);
  EXPECT_GT(from.at(second).as_int64(), kMegabyte);
}

TEST_F(Sources, ARouterNamesTheNodeThatHasIt) {
  const auto bytes = randomBytes(4 * kMegabyte);
  const auto cid = publish(write("file", bytes));
  useData("theirs");
  const auto node = start({"content", "serve", "--no-scrub", "--json"});
  const auto address = addressOf(*node);
  useData("ours");
  // A node of webpool is a router as well: for what it has it names itself.
  const auto got =
      run({"content", "get", cid, "-o", folder() / "got", "--json", "--router", address});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_TRUE(onDisk(folder() / "got") == bytes);
  EXPECT_GT(got.json().at("sources").at(address).as_int64(), 3'900'000);
  const auto absent =
      run({"content", "get", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "-o",
           folder() / "none", "--router", address});
  EXPECT_EQ(absent.code, 4) << absent.err;
  EXPECT_THAT(absent.err, HasSubstr("no other source is known"));
}

TEST_F(Sources, AKuboIsFirstAskedForWhatItHas) {
  const auto bytes = randomBytes(2 * kMegabyte);
  const auto cid = publish(write("file", bytes));
  std::mutex mutex;
  std::vector<bool> onlyCached;
  const OddServer kubo(blocks_, [&](OddServer&, const OddServer::Request& request) {
    if (request.target.contains("bafkqaaa")) return false;
    if (OddServer::saidKubo(request)) return true;
    const bool cached = request.head.contains("only-if-cached");
    const std::lock_guard lock(mutex);
    onlyCached.push_back(cached);
    // It has nothing, but finds it in its network.
    if (cached) OddServer::answer(request.socket, 412, "");
    return cached;
  });
  const auto got =
      run({"content", "get", cid, "-o", folder() / "got", "--json", "--kubo", kubo.address()});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_TRUE(onDisk(folder() / "got") == bytes);
  EXPECT_TRUE(onlyCached.at(0));
  EXPECT_GT(got.json().at("sources").at("kubo (network)").as_int64(), 1'900'000);
}

TEST_F(Sources, APoolFetchesModelsByWhatTheyContain) {
  ensureModel("all-minilm-l6-v2", "q4");
  environment_["WEBPOOL_DATA_DIR"] = sharedData();
  const auto shown = run({"models", "show", "all-minilm-l6-v2", "--dtype", "q4", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  const auto cid = std::string(shown.json().at("cid").as_string());
  serveTree(sharedData(), cid);
  // No package manager delivers anything.
  std::filesystem::create_directories(folder() / "bin");
  for (const auto* name : {"npm", "pip", "pip3", "mvn", "python3"}) {
    const auto path = write(std::string("bin/") + name, "#!/bin/sh\nexit 1\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  environment_["PATH"] = (folder() / "bin").native() + ":" + std::getenv("PATH");
  const OddServer peer(blocks_);
  const OddServer liar(blocks_, lies);
  useData("ours");
  const auto added =
      run({"models", "add", "all-minilm-l6-v2", "--dtype", "q4", "--peer", peer.address()});
  ASSERT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.err, HasSubstr("from " + peer.address()));
  useData("pool's");
  const auto before = peer.requests();
  environment_["WEBPOOL_PEER"] = liar.address() + "," + peer.address();
  const auto result = run({"run", "--model", "all-minilm-l6-v2", "--dtype", "q4", "--backend",
                           "wasm", "--browser", "chromium", "--ephemeral", "--json", "a sentence"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json().at("embeddings").as_array().size(), 1u);
  EXPECT_GT(peer.requests(), before);
  EXPECT_THAT(result.err, HasSubstr(liar.address() + " sent wrong bytes"));
  // And by its CID, which nothing here has a name for.
  useData("another");
  const auto byCid = run({"run", "--model", "ipfs://" + cid, "--backend", "wasm", "--browser",
                          "chromium", "--ephemeral", "--json", "a sentence"});
  ASSERT_EQ(byCid.code, 0) << byCid.err;
  EXPECT_EQ(byCid.json().at("embeddings"), result.json().at("embeddings"));
  expectNothingLeft();
}

}  // namespace
}  // namespace webpool::functional

// `webpool models add hf:…` against a hub on loopback, with what a network does to it.
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <span>
#include <sstream>
#include <thread>

#include "api/ipfs_handler.h"
#include "base/random.h"
#include "cid/sha256.h"
#include "cli_harness.h"
#include "hub_server.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "onnx/testing/model_builder.h"
#include "reference.h"
#include "store/content_store.h"

namespace webpool::functional {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string onDisk(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Hub : public CliTest {
 protected:
  Hub() : server_("test/small", files()) {
    environment_["WEBPOOL_DATA_DIR"] = data();
    environment_["HF_ENDPOINT"] = server_.endpoint();
    environment_["HF_TOKEN"] = kToken;
  }

  static std::map<std::string, std::string> files() {
    return {{"README.md", "# small"},
            {"config.json", "{\"a\": 1}"},
            {"onnx/model.onnx", onnx::testing::matMulModel(DataType::Fp32, 512, 512)},
            {"onnx/model_fp16.onnx", onnx::testing::matMulModel(DataType::Fp16, 512, 512)}};
  }

  std::filesystem::path data() const { return folder() / "data"; }

  Finished add(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"models", "add", "hf:test/small", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  std::vector<HubRequest> blobRequests() {
    auto all = server_.requests();
    std::erase_if(all, [](const auto& each) { return !each.target.starts_with("/blobs/"); });
    return all;
  }

  void expectNoModel() {
    const auto shown = run({"models", "show", "small"});
    EXPECT_EQ(shown.code, 4) << shown.out << shown.err;
    EXPECT_THAT(storedFiles(), IsEmpty());
  }

  std::vector<std::string> storedFiles() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(data() / "store/files", none)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  static constexpr auto kToken = "hf_secret_of_the_test";
  HubServer server_;
};

TEST_F(Hub, BringsTheDtypesFilesAndSaysWhereTheyAreFrom) {
  const auto added = add();
  ASSERT_EQ(added.code, 0) << added.err;
  EXPECT_EQ(added.json().at("name"), "small");
  EXPECT_EQ(added.json().at("dtype"), "fp32");
  EXPECT_THAT(added.out + added.err, Not(HasSubstr(kToken)));
  EXPECT_THAT(storedFiles(), SizeIs(2));
  const auto shown = run({"models", "show", "small"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr(server_.endpoint()), HasSubstr("test/small"),
                               HasSubstr(server_.commit), HasSubstr("onnx/model.onnx"),
                               HasSubstr("config.json"), Not(HasSubstr("README"))));
  EXPECT_FALSE(std::filesystem::exists(data() / "downloads") &&
               !std::filesystem::is_empty(data() / "downloads"));

  // Another dtype lies beside it, and what is here is not fetched again.
  const auto before = blobRequests().size();
  ASSERT_EQ(add({"--dtype", "fp16"}).code, 0);
  EXPECT_EQ(run({"models", "show", "small", "--dtype", "fp32"}).code, 0);
  EXPECT_EQ(run({"models", "show", "small", "--dtype", "fp16"}).code, 0);
  ASSERT_EQ(add().code, 0);
  const auto all = blobRequests();
  ASSERT_GT(all.size(), before);
  for (std::size_t i = before; i < all.size(); ++i) {
    EXPECT_THAT(all[i].target, Not(HasSubstr("/model.onnx")));
  }
}

TEST_F(Hub, TheTokenStaysWithTheHub) {
  ASSERT_EQ(add().code, 0);
  const auto all = server_.requests();
  ASSERT_FALSE(all.empty());
  for (const auto& each : all) {
    if (each.target.starts_with("/blobs/")) {
      EXPECT_EQ(each.authorization, "") << each.target;
    } else {
      EXPECT_EQ(each.authorization, std::string("Bearer ") + kToken) << each.target;
    }
  }
  EXPECT_THAT(blobRequests(), SizeIs(2));
}

TEST_F(Hub, ADroppedConnectionIsGoneOnWithWhereItEnded) {
  server_.setFaults({.drops = 2, .dropAfter = 300'000});
  const auto added = add();
  ASSERT_EQ(added.code, 0) << added.err;
  std::vector<std::string> ranges;
  for (const auto& each : blobRequests()) {
    if (each.target.ends_with("model.onnx")) ranges.push_back(each.range);
  }
  EXPECT_THAT(ranges, testing::ElementsAre("", "bytes=300000-", "bytes=600000-"));
}

TEST_F(Hub, AServerWithoutRangesAndOneWithWrongOnesAreAskedForTheWhole) {
  server_.setFaults({.drops = 1, .dropAfter = 300'000, .noRanges = true});
  auto added = add();
  ASSERT_EQ(added.code, 0) << added.err;
  server_.setFaults({.drops = 1, .dropAfter = 300'000, .wrongRange = true});
  added = add({"--dtype", "fp16"});
  ASSERT_EQ(added.code, 0) << added.err;
  EXPECT_EQ(blobRequests().back().range, "");
}

TEST_F(Hub, WrongBytesAreRefusedAndNothingIsStored) {
  for (const auto* path : {"config.json", "onnx/model.onnx"}) {
    server_.setFaults({.wrongBytesOf = path});
    const auto added = add();
    EXPECT_EQ(added.code, 7) << added.err;
    EXPECT_THAT(added.err, AllOf(HasSubstr("[integrity]"), HasSubstr(path)));
    expectNoModel();
  }
  server_.setFaults({});
  EXPECT_EQ(add().code, 0);
}

TEST_F(Hub, ABusyHubIsAskedAgain) {
  for (const int status : {429, 503}) {
    server_.setFaults({.busy = 1, .busyStatus = status});
    const auto added = add();
    EXPECT_EQ(added.code, 0) << status << added.err;
    ASSERT_EQ(run({"models", "rm", "small"}).code, 0);
  }
}

TEST_F(Hub, RefusalsAndMissingOnesSayWhatToDo) {
  for (const int status : {401, 403}) {
    server_.setFaults({.always = status});
    const auto refused = add();
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("[unauthorized]"), HasSubstr("HF_TOKEN"),
                                   HasSubstr("gated"), Not(HasSubstr(kToken))));
  }
  server_.setFaults({});
  const auto missing = run({"models", "add", "hf:test/small@v9"});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, AllOf(HasSubstr("test/small"), HasSubstr("v9")));
  const auto dtype = add({"--dtype", "q4"});
  EXPECT_EQ(dtype.code, 4);
  EXPECT_THAT(dtype.err, HasSubstr("it has fp16, fp32"));
  expectNoModel();
}

TEST_F(Hub, WhatIsNotSetOrNotEncryptedIsNamed) {
  environment_["HF_ENDPOINT"] = "http://hub.example";
  const auto plain = add();
  EXPECT_EQ(plain.code, 2);
  EXPECT_THAT(plain.err, HasSubstr("not encrypted"));
  environment_["HF_ENDPOINT"] = "";
  const auto none = add();
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("set HF_ENDPOINT"));
  const auto bert = run({"run", "--model", "bert-base-uncased", "hello"});
  EXPECT_EQ(bert.code, 4);
  EXPECT_THAT(bert.err, HasSubstr("webpool models add hf:"));
  EXPECT_THAT(bert.err, HasSubstr("bert-base-uncased"));
}

TEST_F(Hub, AnInterruptedDownloadIsGoneOnWithByTheNextCall) {
  server_.setFaults({.dropAfter = 500'000, .holdAt = "onnx/model.onnx"});
  auto running = start({"models", "add", "hf:test/small"});
  const auto arrived = [&] {
    std::error_code gone;  // a file may be renamed meanwhile
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(data() / "downloads", gone)) {
      if (entry.is_regular_file(gone) && entry.file_size(gone) == 500'000) return true;
    }
    return false;
  };
  ASSERT_TRUE(running->waitForOutput("download"));
  while (!arrived()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  running->signal(SIGINT);
  const auto ended = running->wait();
  EXPECT_EQ(ended.code, 130) << ended.err;
  expectNoModel();
  server_.setFaults({});
  const auto added = add();
  ASSERT_EQ(added.code, 0) << added.err;
  const auto last = blobRequests().back();
  EXPECT_EQ(last.range, "bytes=500000-");
  EXPECT_THAT(last.ifRange, AllOf(testing::StartsWith("\""), SizeIs(66)));
}

TEST_F(Hub, WhatIsOfNoUseReplacesNothing) {
  const auto first = add();
  ASSERT_EQ(first.code, 0) << first.err;
  auto broken = files();
  broken["onnx/model.onnx"] = std::string(5000, 'x');
  HubServer other("test/small", broken, std::string(40, 'd'));
  environment_["HF_ENDPOINT"] = other.endpoint();
  const auto second = add();
  EXPECT_EQ(second.code, 3) << second.err;
  const auto shown = run({"models", "show", "small", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(shown.json().at("cid"), first.json().at("cid"));
  EXPECT_THAT(run({"models", "list"}).out, Not(HasSubstr("new-")));
  EXPECT_THAT(storedFiles(), SizeIs(2));
}

TEST_F(Hub, PatternsChooseTheFiles) {
  const auto added = add({"--files", "onnx/*_fp16.onnx", "--files", "*.md"});
  ASSERT_EQ(added.code, 0) << added.err;
  const auto shown = run({"models", "show", "small"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("README.md"), Not(HasSubstr("config.json"))));
}

TEST_F(Hub, AFileOfAWebAddressIsCheckedAndKept) {
  const auto url = server_.endpoint() + "/blobs/onnx/model.onnx";
  const auto bytes = files().at("onnx/model.onnx");
  const auto right = cid::hexText(cid::sha256(std::as_bytes(std::span(bytes))));
  const auto wrong =
      run({"models", "add", url, "--name", "mine", "--sha256", std::string(64, 'a')});
  EXPECT_EQ(wrong.code, 7) << wrong.err;
  EXPECT_THAT(storedFiles(), IsEmpty());
  server_.setFaults({.drops = 1, .dropAfter = 300'000});
  const auto added = run({"models", "add", url + "?token=x", "--name", "mine", "--sha256", right});
  ASSERT_EQ(added.code, 0) << added.err;
  EXPECT_EQ(blobRequests().back().range, "bytes=300000-");
  const auto shown = run({"models", "show", "mine"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("from   " + url), Not(HasSubstr("token=x"))));
  EXPECT_THAT(storedFiles(), SizeIs(1));
  for (const auto& each : server_.requests()) EXPECT_EQ(each.authorization, "");
  ASSERT_EQ(run({"models", "add", url}).code, 0);  // without a hash, under the file's own name
  EXPECT_EQ(run({"models", "show", "model"}).code, 0);

  const auto missing = run({"models", "add", server_.endpoint() + "/blobs/none.onnx"});
  EXPECT_EQ(missing.code, 4) << missing.err;
  const auto plain = run({"models", "add", "http://files.example/model.onnx"});
  EXPECT_EQ(plain.code, 2);
  EXPECT_THAT(plain.err, HasSubstr("not encrypted"));
  EXPECT_EQ(run({"models", "add", server_.endpoint() + "/blobs/README.md"}).code, 2);
}

/// webpool's own handler of /ipfs as a gateway on loopback; `lies`: gives other bytes for
/// each block.
class Gateway {
 public:
  Gateway(const store::ContentStore& store, bool lies) {
    auto listening = net::Server::listen(loop_, {});
    EXPECT_TRUE(listening) << listening.error().describe();
    server_ = std::move(*listening);
    server_->routePrefix("GET", "/ipfs/",
                         [&store, lies](const net::Request& request,
                                        const std::function<void(net::Response)>& answer) {
                           if (!lies) return answer(api::respondWithContent(store, request));
                           net::Response response;
                           response.body = std::string(100, 'x');
                           answer(std::move(response));
                         });
    thread_ = std::jthread([this] { loop_.run(); });
  }
  ~Gateway() {
    loop_.stop();
    thread_.join();
  }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

 private:
  net::EventLoop loop_;
  std::unique_ptr<net::Server> server_;
  std::jthread thread_;
};

TEST_F(CliTest, AModelComesByItsCid) {
  const auto model = folder() / "model";
  std::filesystem::create_directories(model / "onnx");
  std::ofstream(model / "config.json") << "{}";
  std::ofstream(model / "onnx/model.onnx", std::ios::binary)
      << onnx::testing::matMulModel(DataType::Fp32, 512, 512);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "theirs";
  const auto theirs = run({"models", "add", model, "--name", "theirs", "--json"});
  ASSERT_EQ(theirs.code, 0) << theirs.err;
  const auto cid = std::string(theirs.json().at("cid").as_string());
  const auto store = store::ContentStore::open(folder() / "theirs/store", base::systemRandom());
  ASSERT_TRUE(store) << store.error().describe();
  const Gateway liar(**store, true);
  const Gateway right(**store, false);

  environment_["WEBPOOL_DATA_DIR"] = folder() / "ours";
  environment_["WEBPOOL_KUBO"] = "off";  // what runs on this machine is no part of the test
  const auto add = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"models", "add", "ipfs://" + cid, "--name", "ours", "--json"});
    return run(more);
  };
  const auto unnamed = add({});
  EXPECT_EQ(unnamed.code, 4) << unnamed.err;
  EXPECT_THAT(unnamed.err, HasSubstr("WEBPOOL_GATEWAY"));
  const auto lied = add({"--gateway", liar.address()});
  EXPECT_EQ(lied.code, 7) << lied.err;
  EXPECT_THAT(lied.err, HasSubstr("[integrity]"));
  EXPECT_EQ(run({"models", "show", "ours"}).code, 4);
  // A store that knows nothing of the liar yet asks it too.
  environment_["WEBPOOL_DATA_DIR"] = folder() / "fresh";
  const auto added = add({"--gateway", liar.address(), "--gateway", right.address()});
  ASSERT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.err, HasSubstr(liar.address() + " sent wrong bytes"));
  EXPECT_EQ(added.json().at("cid").as_string(), cid);
  EXPECT_EQ(run({"models", "add", model, "--name", "ours", "--dtype", "q4"}).code, 4);
  const auto shown = run({"models", "show", "ours"});
  EXPECT_THAT(shown.out, HasSubstr("ipfs://" + cid)) << "what is of no use replaces nothing";
  // What is here needs no gateway.
  const auto again = run({"models", "add", "ipfs://" + cid, "--name", "again", "--json"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(run({"models", "add", "ipfs://nothing"}).code, 6);
  EXPECT_EQ(run({"models", "add", model, "--gateway", "https://x"}).code, 2);

  // Without the dtype that is asked for nothing is added.
  environment_["WEBPOOL_DATA_DIR"] = folder() / "others";
  const auto expectNothing = [&] {
    EXPECT_EQ(run({"models", "show", "ours"}).code, 4);
    EXPECT_TRUE(run({"content", "pin", "ls", "--json"}).json().at("pins").as_array().empty());
  };
  const auto other = add({"--gateway", right.address(), "--dtype", "q4"});
  EXPECT_EQ(other.code, 4) << other.err;
  EXPECT_THAT(other.err, AllOf(HasSubstr("\"ours\""), HasSubstr("no dtype \"q4\"")));
  expectNothing();
  const auto path = run({"models", "add", model, "--name", "ours", "--dtype", "q4"});
  EXPECT_EQ(path.code, 4) << path.err;
  expectNothing();
}

TEST_F(CliTest, ContentComesOutOfTwoGatewaysAtOnce) {
  std::ofstream(folder() / "big", std::ios::binary) << std::string(20'000'000, 'x') << "end";
  environment_["WEBPOOL_DATA_DIR"] = folder() / "theirs";
  environment_["WEBPOOL_KUBO"] = "off";
  const auto theirs = run({"content", "add", folder() / "big", "--json"});
  ASSERT_EQ(theirs.code, 0) << theirs.err;
  const auto cid = std::string(theirs.json().at("added").at(0).at("cid").as_string());
  const auto store = store::ContentStore::open(folder() / "theirs/store", base::systemRandom());
  ASSERT_TRUE(store) << store.error().describe();
  const Gateway one(**store, false), two(**store, false);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "ours";
  environment_["WEBPOOL_GATEWAY"] = one.address() + "," + two.address();
  const auto got = run({"content", "get", "ipfs://" + cid, "-o", folder() / "got", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(std::filesystem::file_size(folder() / "got"), 20'000'003u);
  std::int64_t bytes = 0;
  const auto answer = got.json();
  for (const auto& [name, count] : answer.at("sources").as_object()) {
    EXPECT_TRUE(name == one.address() || name == two.address()) << name;
    bytes += count.as_int64();
  }
  EXPECT_GT(bytes, 1 << 20) << "leaves that are alike are asked for once";
  EXPECT_EQ(run({"content", "fetch", cid, "--json"}).code, 0);
  EXPECT_EQ(run({"content", "verify", cid}).code, 0);
  const auto none =
      run({"content", "get", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"});
  EXPECT_EQ(none.code, 4) << none.err;
  EXPECT_THAT(none.err, HasSubstr(one.address() + ": HTTP 404"));
}

TEST_F(CliTest, AModelOfAHubRunsInChromium) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto shown = run({"models", "show", "all-minilm-l6-v2", "--dtype", "q4", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  // The store has each file by the SHA-256 of its bytes; the catalogue says which CID is which.
  std::map<std::string, std::string> files;
  const auto data = sharedData() / "store/files";
  std::map<std::uint64_t, std::string> bySize;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    bySize[entry.file_size()] = entry.path();
  }
  for (const auto& file : shown.json().at("files").as_array()) {
    const auto size = file.at("bytes").to_number<std::uint64_t>();
    ASSERT_TRUE(bySize.contains(size));
    files[std::string(file.at("path").as_string())] = onDisk(bySize[size]);
  }
  HubServer server("test/minilm", files);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  environment_["HF_ENDPOINT"] = server.endpoint();
  const auto added =
      run({"models", "add", "hf:test/minilm", "--name", "of-a-hub", "--dtype", "q4", "--json"});
  ASSERT_EQ(added.code, 0) << added.err;
  // The same files: the same root as the catalogue's.
  EXPECT_EQ(added.json().at("cid"), shown.json().at("cid"));
  auto reference = readMiniLmReference("q4");
  const auto result = run({"run", "--model", "of-a-hub", "--backend", "wasm", "--browser",
                           "chromium", "--ephemeral", "--json", reference.sentences[0]});
  ASSERT_EQ(result.code, 0) << result.err;
  double dot = 0, a = 0, b = 0;
  const auto vector = result.json().at("embeddings").as_array().at(0).as_array();
  ASSERT_EQ(vector.size(), reference.vectors[0].size());
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const auto x = vector[i].to_number<double>();
    const double y = reference.vectors[0][i];
    dot += x * y, a += x * x, b += y * y;
  }
  EXPECT_GE(dot / std::sqrt(a * b), 0.999);
}

}  // namespace
}  // namespace webpool::functional

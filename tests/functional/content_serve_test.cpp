// `webpool content serve`, and the gateway of `webpool serve`: the real program, asked over
// sockets.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "net/test_server.h"
#include "serve_harness.h"
#include "sources/testing/odd_server.h"
#include "store/testing/test_store.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr const char* kHelloCid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
constexpr const char* kHelloSha256 =
    "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
constexpr const char* kPage = "Origin: http://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n";

class ContentServe : public ServeTest {
 protected:
  void SetUp() override {
    environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
    std::filesystem::create_directories(folder() / "in/sub");
    write("in/hello", "hello world");
    for (std::size_t i = 0; i < (3u << 20) + 5; ++i) {
      big_ += static_cast<char>((i * 7 + (i >> 8)) % 251);
    }
    write("in/sub/big", big_);
    const auto added = run({"content", "add", folder() / "in", "--json"});
    ASSERT_EQ(added.code, 0) << added.err;
    root_ = added.json().at("added").at(0).at("cid").as_string();
  }

  std::unique_ptr<Running> serve(std::vector<std::string> more = {}) {
    std::vector<std::string> command{"content", "serve", "--json", "--listen", "127.0.0.1:0"};
    command.insert(command.end(), more.begin(), more.end());
    auto running = start(std::move(command));
    EXPECT_TRUE(waitForEvent(*running, "gateway")) << running->soFar().err;
    const std::string url(event(*running, "gateway").at("url").as_string());
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    return running;
  }

  net::ClientResponse get(const std::string& path, const std::string& more = {},
                          const std::string& host = {}) const {
    net::RawClient client(port_);
    return client.get(path, host.empty() ? "127.0.0.1:" + std::to_string(port_) : host, more);
  }

  /// What curl would write to a file.
  std::string download(const std::string& path) const {
    net::RawClient client(port_);
    client.send("GET " + path + " HTTP/1.0\r\nHost: 127.0.0.1:" + std::to_string(port_) +
                "\r\n\r\n");
    const auto head = client.receive();
    EXPECT_EQ(head.status, 200);
    client.readToEnd();
    return head.body + client.pending();
  }

  static std::filesystem::path fileOfSize(const std::filesystem::path& folder,
                                          std::uintmax_t size) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.file_size() == size) return entry.path();
    }
    ADD_FAILURE() << "no file of its size in " << folder;
    return {};
  }

  std::string big_;
  std::string root_;
  std::uint16_t port_ = 0;
};

TEST_F(ContentServe, StrangersLearnNoPathsAndTheLogHasThem) {
  const auto running = serve({"--no-scrub"});
  const auto stored = folder() / "data/store/files" / kHelloSha256;
  std::filesystem::permissions(stored, std::filesystem::perms(0644));
  std::ofstream(stored, std::ios::app) << "more";
  const auto got = get(std::string("/ipfs/") + kHelloCid);
  EXPECT_EQ(got.status, 500);
  EXPECT_EQ(got.body, std::string(kHelloCid) + " is damaged here, and is not served\n");
  ASSERT_TRUE(waitForEvent(*running, "unreadable"));
  EXPECT_THAT(std::string(event(*running, "unreadable").at("message").as_string()),
              HasSubstr(stored.native()));
}

TEST_F(ContentServe, GivesWhatIsHereAndEndsWithCtrlC) {
  const auto running = serve();
  EXPECT_EQ(get(std::string("/ipfs/") + kHelloCid).body, "hello world");
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big").body == big_);
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big", "Range: bytes=1048570-1048580\r\n").body ==
              big_.substr(1048570, 11));
  EXPECT_EQ(get(std::string("/ipfs/") + kHelloCid + "?format=raw").field("Content-Type"),
            "application/vnd.ipld.raw");
  const auto page = get(std::string("/ipfs/") + kHelloCid, kPage);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.field("Access-Control-Allow-Origin"), "*");
  const auto providers = get(std::string("/routing/v1/providers/") + kHelloCid);
  const std::string peer(event(*running, "gateway").at("peer_id").as_string());
  EXPECT_THAT(providers.body, HasSubstr(peer));
  EXPECT_THAT(providers.body, HasSubstr("/ip4/127.0.0.1/tcp/" + std::to_string(port_) + "/http"));
  EXPECT_EQ(get("/ipfs/bafkqaaa", "", "elsewhere.example").status, 421);
  const std::string absent = "/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
  EXPECT_EQ(get(absent).status, 404);
  EXPECT_EQ(get(absent, "Cache-Control: only-if-cached\r\n").status, 412);
  EXPECT_THAT(get("/metrics").body, HasSubstr("webpool_scrub_bytes_total"));
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
  // The node keeps its name.
  const auto again = serve();
  EXPECT_EQ(event(*again, "gateway").at("peer_id").as_string(), peer);
}

TEST_F(ContentServe, ItsCarsGoIntoAnotherStore) {
  const auto running = serve();
  write("served.car", download("/ipfs/" + root_ + "?format=car"));
  const auto exported = run({"content", "export", root_, "-o", folder() / "exported.car"});
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_EQ(base::readFile(folder() / "exported.car").value(),
            base::readFile(folder() / "served.car").value());
  environment_["WEBPOOL_DATA_DIR"] = folder() / "other";
  const auto imported =
      run({"content", "import", folder() / "served.car", "--name", "theirs", "--json"});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(run({"content", "gc"}).code, 0);
  const auto got = run({"content", "get", root_, "-o", folder() / "copy"});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_TRUE(base::readFile(folder() / "copy/sub/big").value() == big_);
  EXPECT_EQ(base::readFile(folder() / "copy/hello").value(), "hello world");
  // Kept in blocks now, it is served all the same.
  running->signal(SIGINT);
  running->wait();
  const auto theirs = serve();
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big").body == big_);
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big", "Range: bytes=1048570-1048580\r\n").body ==
              big_.substr(1048570, 11));
}

TEST_F(ContentServe, AnExportGoesThroughAPipe) {
  const auto piped = run({"content", "export", std::string(kHelloCid), "-o", "-"});
  ASSERT_EQ(piped.code, 0) << piped.err;
  environment_["WEBPOOL_DATA_DIR"] = folder() / "other";
  const auto imported = run({"content", "import", "-", "--pin", "--json"}, piped.out);
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(run({"content", "get", kHelloCid, "-o", "-"}).out, "hello world");
}

TEST_F(ContentServe, WhatComesWhileItRunsIsThereAtOnce) {
  const auto running = serve({"--same-origin"});
  const auto added = run({"content", "add", write("late", "late"), "--json"});
  const std::string cid(added.json().at("added").at(0).at("cid").as_string());
  EXPECT_EQ(get("/ipfs/" + cid).body, "late");
  EXPECT_EQ(get("/ipfs/" + cid, kPage).status, 403);
}

TEST_F(ContentServe, WhatRottedIsFetchedAnew) {
  // Two nodes with the same content, of which one rots: the whole file's middle.
  const auto whole = serve();
  const auto healthy = "http://127.0.0.1:" + std::to_string(port_);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "other";
  ASSERT_EQ(run({"content", "add", folder() / "in"}).code, 0);
  const auto stored = fileOfSize(folder() / "other/store/files", big_.size());
  const auto time = std::filesystem::last_write_time(stored);
  std::filesystem::permissions(stored, std::filesystem::perms(0644));
  {
    std::fstream file(stored, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1 << 20);
    file.put(static_cast<char>(big_[1 << 20] ^ 1));
  }
  std::filesystem::last_write_time(stored, time);

  // It has every block, and each with wrong bytes.
  const sources::BlockMap none;
  const sources::OddServer liar(none, [](sources::OddServer&, const auto& request) {
    return sources::OddServer::answer(request.socket, 200, std::string(1000, 'x'));
  });
  const auto running = serve({"--peer", liar.address(), "--peer", healthy, "--kubo", "off"});
  ASSERT_TRUE(waitForEvent(*running, "mended")) << running->soFar().out;
  const auto mended = event(*running, "mended");
  EXPECT_EQ(mended.at("cid"), event(*running, "damaged").at("cid"));
  EXPECT_TRUE(mended.at("sources").as_object().contains(healthy)) << running->soFar().out;
  EXPECT_EQ(mended.at("lied"), boost::json::array{liar.address()}) << running->soFar().out;
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big").body == big_);
  running->signal(SIGINT);
  running->wait();
  const auto verified = run({"content", "verify", root_, "--json"});
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_EQ(run({"content", "pin", "ls", "--json"}).json().at("pins").as_array().size(), 1U);
}

TEST_F(ContentServe, WhatRottedInAPackIsFetchedAnew) {
  const auto whole = serve();
  const auto healthy = "http://127.0.0.1:" + std::to_string(port_);
  const auto car = (folder() / "in.car").native();
  ASSERT_EQ(run({"content", "export", root_, "-o", car}).code, 0);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "other";
  ASSERT_EQ(run({"content", "import", "--pin", car}).code, 0);
  const auto pack = folder() / "other/store/packs/1.car";
  store::damage(pack, std::filesystem::file_size(pack) / 2);
  EXPECT_EQ(run({"content", "verify"}).code, 7);
  const auto running = serve({"--peer", healthy, "--kubo", "off"});
  ASSERT_TRUE(waitForEvent(*running, "mended")) << running->soFar().out;
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big").body == big_);
  running->signal(SIGINT);
  running->wait();
  const auto verified = run({"content", "verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
}

TEST_F(ContentServe, RotIsFoundAndToldAndNotServed) {
  const auto stored = folder() / "data/store/files" / kHelloSha256;
  const auto time = std::filesystem::last_write_time(stored);
  std::filesystem::permissions(stored, std::filesystem::perms(0644));
  std::ofstream(stored) << "hello_world";
  std::filesystem::last_write_time(stored, time);
  const auto running = serve();
  ASSERT_TRUE(waitForEvent(*running, "scrubbed"));
  EXPECT_EQ(event(*running, "damaged").at("cid").as_string(), kHelloCid);
  EXPECT_EQ(event(*running, "scrubbed").at("damaged"), 1);
  EXPECT_EQ(get(std::string("/ipfs/") + kHelloCid).status, 500);
  EXPECT_TRUE(get("/ipfs/" + root_ + "/sub/big").body == big_);
}

TEST_F(ContentServe, WrongWordsAreNamed) {
  const auto wrong = run({"content", "serve", "--listen", "here:there"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("'here:there' is no address to listen on"));
  const auto running = serve();
  const auto taken = run({"content", "serve", "--listen", "127.0.0.1:" + std::to_string(port_)});
  EXPECT_EQ(taken.code, 10);
}

TEST_F(ContentServe, ServeHasTheSameGatewayBehindItsToken) {
  environment_["WEBPOOL_API_TOKEN"] = "secret";
  auto running = startServe();
  port_ = waitForApi(*running);
  ASSERT_NE(port_, 0) << running->soFar().err;
  const auto hello = std::string("/ipfs/") + kHelloCid;
  EXPECT_EQ(get(hello).status, 401);
  EXPECT_EQ(get(hello, "Authorization: Bearer secret\r\n").body, "hello world");
  EXPECT_EQ(get(hello, std::string("Authorization: Bearer secret\r\n") + kPage).status, 403);
  EXPECT_EQ(get(std::string("/routing/v1/providers/") + kHelloCid).status, 401);
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);

  running = startServe({"--public-gateway"});
  port_ = waitForApi(*running);
  ASSERT_NE(port_, 0) << running->soFar().err;
  EXPECT_EQ(get(hello).body, "hello world");
  EXPECT_EQ(get(hello, kPage).field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(get("/v1/models").status, 401);
  EXPECT_EQ(get("/v1/models", kPage).status, 403);
  running->signal(SIGTERM);
  running->wait();

  running = startServe({"--no-gateway"});
  port_ = waitForApi(*running);
  ASSERT_NE(port_, 0) << running->soFar().err;
  EXPECT_EQ(get(hello, "Authorization: Bearer secret\r\n").status, 404);
}

}  // namespace
}  // namespace webpool::functional

// The join desk against real TLS clients; pages are fakes that speak the protocol.
#include "pool/join_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>

#include "net/test_tls.h"
#include "pool/pending.h"
#include "wire/messages.h"

namespace webpool::pool {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;
namespace websocket = boost::beast::websocket;

constexpr std::string_view kPage = "<p>page</p>";

net::EmbeddedFile pageFile(std::string_view path) {
  return {path, std::as_bytes(std::span(kPage)), "text/html", "0"};
}

std::string encoded(const wire::PageMessage& message) {
  std::string bytes;
  const auto pieces = wire::encodeMessage(message);
  for (const auto& piece : *pieces) bytes += piece.text();
  return bytes;
}

/// A page without a browser, over TLS.
class FakeTlsPage {
 public:
  FakeTlsPage(std::uint16_t port, const std::string& cookie)
      : client_(port), stream_(client_.stream()) {
    EXPECT_FALSE(client_.handshake());
    const auto host = "127.0.0.1:" + std::to_string(port);
    stream_.binary(true);
    stream_.set_option(websocket::stream_base::decorator([=](websocket::request_type& request) {
      request.set(net::http::field::origin, "https://" + host);
      if (!cookie.empty()) request.set(net::http::field::cookie, cookie);
    }));
    boost::system::error_code error;
    stream_.handshake(host, "/worker/socket", error);
    EXPECT_FALSE(error) << error.message();
  }

  void hello(const std::string& token) {
    wire::Hello hello;
    hello.token = token;
    hello.capabilities.browser.brand = "Fake";
    hello.capabilities.cores = 3;
    send(hello);
  }
  void send(const wire::PageMessage& message) {
    boost::system::error_code ignored;
    stream_.write(net::asio::buffer(encoded(message)), ignored);
  }
  template <class Message>
  std::optional<Message> receive() {
    while (true) {
      boost::beast::flat_buffer buffer;
      boost::system::error_code error;
      stream_.read(buffer, error);
      if (error) return std::nullopt;
      auto decoded =
          wire::decodePoolMessage(Bytes::copyOf(boost::beast::buffers_to_string(buffer.data())));
      if (!decoded || !*decoded) continue;
      if (auto* message = std::get_if<Message>(&(*decoded)->message)) return std::move(*message);
    }
  }
  int closeCode() {
    receive<wire::Drain>();
    return stream_.reason().code;
  }

 private:
  net::TlsClient client_;
  websocket::stream<net::TlsClient::Stream&> stream_;
};

struct Reply {
  unsigned status = 0;
  std::string text;
  json::object body;
  std::string cookie;
};

class JoinDeskTest : public testing::Test {
 protected:
  template <class Function>
  auto onLoop(Function function) {
    std::promise<std::invoke_result_t<Function&>> promise;
    auto result = promise.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<std::invoke_result_t<Function&>>) {
        function();
        promise.set_value();
      } else {
        promise.set_value(function());
      }
    });
    return result.get();
  }

  JoinDeskTest() {
    char pattern[] = "/tmp/webpool-join-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    std::ofstream(folder_ / "c.pem") << net::testPem().certificate;
    std::ofstream(folder_ / "k.pem") << net::testPem().key;
    std::string large;
    for (int i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i);
    std::ofstream(folder_ / "shared.bin") << large;
    std::ofstream(folder_ / "private.bin") << "secret";
    store_ = *store::ContentStore::open(folder_ / "store", base::systemRandom());
    shared_ = store_->importPath(folder_ / "shared.bin")->root;
    private_ = store_->importPath(folder_ / "private.bin")->root;
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~JoinDeskTest() override {
    onLoop([this] { desk_.reset(); });
    loop_.stop();
    thread_.join();
    std::filesystem::remove_all(folder_);
  }

  void openDesk(DeskOptions options = {}) {
    options.join.address = "127.0.0.1";
    options.join.certificate = folder_ / "c.pem";
    options.join.key = folder_ / "k.pem";
    JoinEvents events;
    events.joined = [this](const JoinedDevice& device) { joined_.set(device); };
    events.availability = [this](const JoinedDevice& device) { availability_.set(device); };
    events.left = [this](const JoinedDevice& device, const std::string& why, bool) {
      left_.set(device.label + ": " + why);
    };
    events.linkExpired = [this] { expired_.set(true); };
    events.modelName = [](const std::string& handle) { return "model of " + handle; };
    onLoop([&] {
      auto desk = JoinDesk::open({.loop = loop_,
                                  .content = *store_,
                                  .page = page_,
                                  .random = base::systemRandom(),
                                  .log = std::make_shared<spdlog::logger>("test")},
                                 std::move(options), std::move(events));
      ASSERT_TRUE(desk) << desk.error().describe();
      desk_ = std::move(*desk);
      link_ = desk_->link();
      port_ = desk_->port();
    });
  }

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string key() const { return link_.substr(link_.find("#key=") + 5); }

  Reply send(net::http::verb verb, const std::string& target, const std::string& body = "",
             const std::string& cookie = "") {
    net::TlsClient client(port_);
    EXPECT_FALSE(client.handshake());
    net::http::request<net::http::string_body> request(verb, target, 11);
    request.set(net::http::field::host, host());
    if (!cookie.empty()) request.set(net::http::field::cookie, cookie);
    request.body() = body;
    const auto response = client.send(std::move(request));
    Reply reply{response.result_int(), response.body(), {}, ""};
    std::error_code notJson;
    if (auto value = json::parse(response.body(), notJson); !notJson && value.is_object()) {
      reply.body = value.as_object();
    }
    const std::string set(response["Set-Cookie"]);
    reply.cookie = set.substr(0, set.find(';'));
    if (!set.empty()) setCookie_ = set;
    headers_.clear();
    for (const auto& field : response) {
      headers_ += std::string(field.name_string()) + ": " + std::string(field.value()) + "\n";
    }
    return reply;
  }
  Reply post(const std::string& path, const json::object& body) {
    return send(net::http::verb::post, path, json::serialize(body));
  }
  Reply get(const std::string& path, const std::string& cookie = "") {
    return send(net::http::verb::get, path, "", cookie);
  }
  Reply join() { return post("/join/device", {{"key", key()}}); }

  std::filesystem::path folder_;
  std::unique_ptr<store::ContentStore> store_;
  cid::Cid shared_;
  cid::Cid private_;
  std::array<net::EmbeddedFile, 2> files_{pageFile("join/index.html"),
                                          pageFile("worker/index.html")};
  net::EmbeddedFiles page_{files_};
  net::EventLoop loop_;
  std::unique_ptr<JoinDesk> desk_;
  std::thread thread_;
  std::string link_;
  std::uint16_t port_ = 0;
  std::string setCookie_;
  std::string headers_;
  Pending<JoinedDevice> joined_;
  Pending<JoinedDevice> availability_;
  Pending<std::string> left_;
  Pending<bool> expired_;
};

TEST_F(JoinDeskTest, LinkHoldsAKeyOf128Bits) {
  openDesk();
  EXPECT_THAT(link_,
              testing::StartsWith("https://127.0.0.1:" + std::to_string(port_) + "/join/#key="));
  EXPECT_THAT(key(), testing::MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(JoinDeskTest, WithTheKeyAVisitorSeesWhatIsOffered) {
  openDesk();
  onLoop([this] { ASSERT_TRUE(desk_->share({{"a-model", "q4", 3'000'000, {shared_}}})); });
  const auto offer = post("/join/offer", {{"key", key()}});
  ASSERT_EQ(offer.status, 200u) << offer.text;
  EXPECT_EQ(offer.body.at("models").at(0).at("name"), "a-model");
  EXPECT_EQ(offer.body.at("models").at(0).at("bytes"), 3'000'000);
  EXPECT_FALSE(offer.body.at("machine").as_string().empty());
}

TEST_F(JoinDeskTest, WithoutTheKeyNothingIsTold) {
  openDesk();
  for (const auto* path : {"/join/offer", "/join/device"}) {
    for (const auto& wrong : {std::string(32, '0'), std::string(), key() + "0"}) {
      const auto reply = post(path, {{"key", wrong}});
      EXPECT_EQ(reply.status, 401u) << path;
      EXPECT_EQ(reply.body.at("error").at("category"), "unauthorized");
      EXPECT_EQ(reply.body.at("error").at("message"), "the link is stale");
      EXPECT_EQ(reply.cookie, "");
    }
  }
  for (const auto* path : {"/", "/v1/models", "/join/offer", "/join/device/x", "/worker/socket"}) {
    EXPECT_THAT(get(path).status, testing::AnyOf(404u, 405u, 426u)) << path;
  }
  EXPECT_EQ(get("/ipfs/" + shared_.text()).status, 401u);
}

TEST_F(JoinDeskTest, StaleLinkLetsNobodyIn) {
  openDesk();
  const auto old = key();
  onLoop([this] { desk_->revokeLink(); });
  EXPECT_EQ(join().status, 401u);
  onLoop([this] {
    desk_->newLink();
    link_ = desk_->link();
  });
  EXPECT_NE(key(), old);
  EXPECT_EQ(post("/join/device", {{"key", old}}).status, 401u);
  EXPECT_EQ(join().status, 200u);
}

TEST_F(JoinDeskTest, ExpiredLinkIsToldOfAndLetsNobodyIn) {
  openDesk({.join = {.linkTtl = std::chrono::milliseconds(1)}});
  EXPECT_TRUE(expired_.wait({}));
  EXPECT_EQ(join().status, 401u);
}

TEST_F(JoinDeskTest, DeviceJoinsPausesAndStops) {
  openDesk();
  const auto admitted = join();
  ASSERT_EQ(admitted.status, 200u) << admitted.text;
  EXPECT_THAT(setCookie_, HasSubstr("__Host-webpool="));
  for (const auto* part : {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}) {
    EXPECT_THAT(setCookie_, HasSubstr(part));
  }
  const auto secret = admitted.body.at("device").as_string();
  EXPECT_EQ(post("/join/state", {{"device", secret}}).body.at("state"), "connecting");

  FakeTlsPage page(port_, admitted.cookie);
  page.hello(std::string(admitted.body.at("token").as_string()));
  const auto device = joined_.wait({});
  ASSERT_TRUE(device);
  EXPECT_EQ(device->label, "joined-1");
  EXPECT_EQ(device->capabilities.cores, 3u);
  EXPECT_THAT(device->peer, HasSubstr("127.0.0.1:"));
  EXPECT_TRUE(device->accepting);

  // What the page tells of itself is what its person is shown.
  std::thread answers([&] {
    const auto asked = page.receive<wire::StatsRequest>();
    ASSERT_TRUE(asked);
    wire::Stats stats;
    stats.id = asked->id;
    stats.models.push_back({"m", wire::Backend::Wasm, 7, 2, 100, 5000, std::nullopt});
    stats.memory.wasm = 5000;
    page.send(stats);
  });
  const auto state = post("/join/state", {{"device", secret}});
  answers.join();
  EXPECT_EQ(state.body.at("state"), "joined");
  EXPECT_EQ(state.body.at("running"), 2);
  EXPECT_EQ(state.body.at("models").at(0).at("name"), "model of m");
  EXPECT_EQ(state.body.at("models").at(0).at("runs"), 7);
  EXPECT_EQ(state.body.at("memory").at("wasm"), 5000);
  EXPECT_TRUE(state.body.at("memory").at("gpu").is_null());

  EXPECT_EQ(post("/join/availability", {{"device", secret}, {"accepting", false}}).status, 200u);
  const auto paused = availability_.wait({});
  ASSERT_TRUE(paused);
  EXPECT_FALSE(paused->accepting);
  EXPECT_FALSE(onLoop([this] { return desk_->devices().at(0).accepting; }));
  EXPECT_EQ(post("/join/availability", {{"device", secret}}).status, 400u);

  EXPECT_EQ(post("/join/leave", {{"device", secret}}).status, 200u);
  EXPECT_TRUE(page.receive<wire::Close>()) << "the page is told that it is over";
  EXPECT_EQ(*left_.wait({}), "joined-1: stopped by its person");
  EXPECT_EQ(post("/join/state", {{"device", secret}}).status, 401u);
  EXPECT_TRUE(onLoop([this] { return desk_->devices().empty(); }));
}

TEST_F(JoinDeskTest, SocketNeedsThePassAndTheToken) {
  openDesk();
  const auto admitted = join();
  const auto token = std::string(admitted.body.at("token").as_string());
  for (const auto* cookie : {"", "__Host-webpool=0123456789abcdef0123456789abcdef", "other=1"}) {
    FakeTlsPage stranger(port_, cookie);
    stranger.hello(token);
    EXPECT_EQ(stranger.closeCode(), 4401);
  }
  FakeTlsPage guesser(port_, admitted.cookie);
  guesser.hello(std::string(32, '0'));
  EXPECT_EQ(guesser.closeCode(), 4401);
  FakeTlsPage page(port_, "first=1; " + admitted.cookie + "; last=2");
  page.hello(token);
  EXPECT_TRUE(joined_.wait({}));
  FakeTlsPage again(port_, admitted.cookie);
  again.hello(token);
  EXPECT_EQ(again.closeCode(), 4401) << "a token is good for one page";
}

TEST_F(JoinDeskTest, OnlyWhatIsSharedCanBeFetched) {
  openDesk();
  onLoop([this] { ASSERT_TRUE(desk_->share({{"a-model", "q4", 3'000'000, {shared_}}})); });
  const auto cookie = join().cookie;
  const auto file = get("/ipfs/" + shared_.text(), cookie);
  ASSERT_EQ(file.status, 200u) << file.text;
  EXPECT_GE(file.text.size(), 3'000'000u);
  EXPECT_EQ(get("/ipfs/" + shared_.text() + "?format=raw", cookie).status, 200u);
  EXPECT_EQ(get("/ipfs/" + shared_.text()).status, 401u);

  const auto held = get("/ipfs/" + private_.text(), cookie);
  EXPECT_EQ(held.status, 404u);
  const auto nowhere = cid::Cid::of(cid::Codec::Raw, {});
  EXPECT_EQ(get("/ipfs/" + nowhere.text(), cookie).text, held.text)
      << "held and not shared reads like not held";
  EXPECT_EQ(get("/ipfs/" + private_.text() + "?format=raw", cookie).status, 404u);
  EXPECT_EQ(get("/ipfs/" + shared_.text() + "/../" + private_.text(), cookie).status, 404u);
  EXPECT_EQ(get("/ipfs/", cookie).status, 404u);

  onLoop([this] { ASSERT_TRUE(desk_->share({})); });
  EXPECT_EQ(get("/ipfs/" + shared_.text(), cookie).status, 404u);
}

TEST_F(JoinDeskTest, WhatIsNotHeldCannotBeShared) {
  openDesk();
  const cid::Cid unknown(cid::Codec::DagPb, cid::Digest{});
  const auto shared = onLoop([&] { return desk_->share({{"x", "", 1, {unknown}}}); });
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().category, ErrorCategory::NotFound);
}

TEST_F(JoinDeskTest, PassIsWorthNothingOnceTheLinkAndAllDevicesAreGone) {
  openDesk();
  onLoop([this] { ASSERT_TRUE(desk_->share({{"a-model", "q4", 3'000'000, {shared_}}})); });
  const auto admitted = join();
  onLoop([this] { desk_->revokeLink(); });
  EXPECT_EQ(get("/ipfs/" + shared_.text(), admitted.cookie).status, 200u)
      << "who has joined goes on";
  post("/join/leave", {{"device", admitted.body.at("device")}});
  EXPECT_EQ(get("/ipfs/" + shared_.text(), admitted.cookie).status, 401u);
}

TEST_F(JoinDeskTest, PagesMayBeFramedByOursOnlyAndUseNoDevices) {
  openDesk();
  for (const auto* path : {"/join/", "/worker/"}) {
    const auto reply = get(path);
    EXPECT_EQ(reply.status, 200u);
    EXPECT_EQ(reply.text, kPage);
    EXPECT_THAT(headers_, HasSubstr("frame-ancestors 'self'"));
    EXPECT_THAT(headers_, HasSubstr("Cross-Origin-Embedder-Policy: require-corp"));
    EXPECT_THAT(headers_, HasSubstr("camera=()"));
  }
}

TEST_F(JoinDeskTest, KnockingTooOftenIsSlowedButJoinedDevicesAreNot) {
  openDesk({.limits = {.perSecond = 0.001, .burst = 3}});
  const auto admitted = join();
  EXPECT_EQ(post("/join/offer", {{"key", "wrong"}}).status, 401u);
  EXPECT_EQ(post("/join/state", {{"device", "wrong"}}).status, 401u);
  const auto slowed = join();
  EXPECT_EQ(slowed.status, 429u);
  EXPECT_EQ(slowed.body.at("error").at("category"), "busy");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(post("/join/state", {{"device", admitted.body.at("device")}}).status, 200u);
  }
}

TEST_F(JoinDeskTest, OddBodiesAreRefused) {
  openDesk();
  for (const auto* body : {"", "{", "[]", "{\"key\": 5}", "null"}) {
    EXPECT_EQ(send(net::http::verb::post, "/join/offer", body).status, 400u) << body;
  }
  EXPECT_EQ(send(net::http::verb::post, "/join/offer", std::string(5000, 'x')).status, 413u);
}

TEST_F(JoinDeskTest, HasRoomForSoManyDevices) {
  openDesk({.join = {.maxDevices = 2}});
  EXPECT_EQ(join().status, 200u);
  const auto second = join();
  EXPECT_EQ(second.status, 200u);
  EXPECT_EQ(join().status, 503u);
  post("/join/leave", {{"device", second.body.at("device")}});
  EXPECT_EQ(join().status, 200u);
}

TEST_F(JoinDeskTest, ClosingTellsThePages) {
  openDesk();
  const auto admitted = join();
  FakeTlsPage page(port_, admitted.cookie);
  page.hello(std::string(admitted.body.at("token").as_string()));
  ASSERT_TRUE(joined_.wait({}));
  Pending<bool> closed;
  loop_.post([&] { desk_->close([&] { closed.set(true); }); });
  const auto told = page.receive<wire::Close>();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->reason, "the pool ended");
  EXPECT_EQ(page.closeCode(), 1000);
  EXPECT_TRUE(closed.wait({}));
  EXPECT_EQ(*left_.wait({}), "joined-1: the pool ended");
}

TEST_F(JoinDeskTest, LostDeviceHasLeftAfterTheGraceTime) {
  openDesk({.grace = std::chrono::milliseconds(10)});
  const auto admitted = join();
  {
    FakeTlsPage page(port_, admitted.cookie);
    page.hello(std::string(admitted.body.at("token").as_string()));
    ASSERT_TRUE(joined_.wait({}));
  }
  EXPECT_THAT(*left_.wait({}), HasSubstr("joined-1: "));
}

TEST_F(JoinDeskTest, WrongCertificateIsAnErrorOfTheStart) {
  const auto desk = JoinDesk::open({.loop = loop_,
                                    .content = *store_,
                                    .page = page_,
                                    .random = base::systemRandom(),
                                    .log = std::make_shared<spdlog::logger>("test")},
                                   {.join = {.certificate = folder_ / "c.pem"}}, {});
  ASSERT_FALSE(desk);
  EXPECT_EQ(desk.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(desk.error().hint, HasSubstr("--tls-key"));
}

}  // namespace
}  // namespace webpool::pool

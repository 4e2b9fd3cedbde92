#include "net/server.h"

#include <gmock/gmock.h>

#include <atomic>
#include <optional>
#include <vector>

#include "net/test_server.h"
#include "net/worker_threads.h"

namespace webpool::net {
namespace {

using testing::HasSubstr;

Handler saying(std::string text) {
  return [text](const Request&, const auto& respond) { respond(textResponse(200, text)); };
}

class HttpTest : public ServerTest {};

TEST_F(HttpTest, RoutesRequestsWithTheirParts) {
  start();
  Request seen;
  server_->route("POST", "/echo", [&](Request request, const auto& respond) {
    seen = request;
    Response response;
    response.status = 201;
    response.body = std::move(request.body);
    respond(std::move(response));
  });
  RawClient client(server_->port());
  client.send("POST /echo?a=%20b&c HTTP/1.1\r\nHost: " + host() +
              "\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
  const auto response = client.receive();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "hello");
  onLoop([&] {
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.path, "/echo");
    EXPECT_EQ(seen.query, "a=%20b&c");
    EXPECT_EQ(seen.headers.get("x-one"), "1");
  });
  EXPECT_EQ(client.get("/nowhere", host()).status, 404);
  const auto wrong = client.get("/echo", host());
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("Allow"), "POST");
}

TEST_F(HttpTest, AnAbsoluteTargetHasItsOwnHost) {
  start();
  server_->route("GET", "/a", saying("a"));
  RawClient client(server_->port());
  EXPECT_EQ(client.get("http://" + host() + "/a?b", host()).body, "a\n");
  EXPECT_EQ(client.get("http://" + host() + "/a", "proxy.example").status, 200)
      << "the field does not count";
  RawClient foreign(server_->port());
  EXPECT_EQ(foreign.get("http://elsewhere.example/a", host()).status, 421);
  RawClient other(server_->port());
  EXPECT_EQ(other.get("ftp://" + host() + "/a", host()).status, 400);
}

TEST_F(HttpTest, EveryResponseKeepsThePageIsolated) {
  start();
  server_->route("GET", "/", saying("page"));
  RawClient client(server_->port());
  for (const auto* target : {"/", "/missing"}) {
    const auto response = client.get(target, host());
    EXPECT_EQ(response.field("Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(response.field("Cross-Origin-Embedder-Policy"), "require-corp");
    EXPECT_EQ(response.field("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(response.field("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.field("Cache-Control"), "no-store");
    EXPECT_THAT(response.field("Content-Security-Policy"), HasSubstr(" ws://" + host() + " "));
  }
}

TEST_F(HttpTest, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  start();
  server_->route("GET", "/a", saying("a"));
  server_->route("GET", "/b", saying("b"));
  RawClient client(server_->port());
  const auto request = [&](const std::string& path) {
    return "GET " + path + " HTTP/1.1\r\nHost: " + host() + "\r\n\r\n";
  };
  client.send(request("/a") + request("/b") + request("/a"));
  EXPECT_EQ(client.receive().body, "a\n");
  EXPECT_EQ(client.receive().body, "b\n");
  EXPECT_EQ(client.receive().body, "a\n");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.get("/b", host()).body, "b\n");
  EXPECT_EQ(onLoop([&] { return server_->connections(); }), 1u);
}

TEST_F(HttpTest, ClosesWhenAskedAndForOldClients) {
  start();
  server_->route("GET", "/", saying("x"));
  {
    RawClient client(server_->port());
    const auto response = client.get("/", host(), "Connection: close\r\n");
    EXPECT_EQ(response.body, "x\n");
    EXPECT_EQ(response.field("Connection"), "close");
    EXPECT_TRUE(client.readToEnd());
  }
  RawClient old(server_->port());
  old.send("GET / HTTP/1.0\r\nHost: " + host() + "\r\n\r\n");
  EXPECT_EQ(old.receive().body, "x\n");
  EXPECT_TRUE(old.readToEnd());
}

TEST_F(HttpTest, HeadHasTheLengthAndNoBody) {
  start();
  static constexpr std::string_view kPage = "0123456789";
  server_->route("GET", "/static", [](const Request& request, const auto& respond) {
    EXPECT_EQ(request.method, "HEAD");
    Response response;
    response.body = std::as_bytes(std::span(kPage));
    respond(std::move(response));
  });
  server_->route("GET", "/text", saying("abc"));
  RawClient client(server_->port());
  const auto head = client.get("/static", host(), "", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Length"), "10");
  // Had a body followed, the next response would not begin where it should.
  EXPECT_EQ(client.get("/text", host()).body, "abc\n");
}

TEST_F(HttpTest, AnswersLaterFromAnotherThreadsWork) {
  start();
  std::optional<WorkerThreads> workers;
  onLoop([&] { workers.emplace(loop_, 1); });
  server_->route("GET", "/slow", [&](const Request&, auto respond) {
    ASSERT_TRUE(workers->run([] { return std::string("done"); },
                             [respond](std::string text) { respond(textResponse(200, text)); }));
  });
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/slow", host()).body, "done\n");
  onLoop([&] { workers.reset(); });
}

TEST_F(HttpTest, BigStaticAndTextBodiesArriveWhole) {
  start();
  static const std::string kBig = [] {
    std::string text(5'000'001, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
    return text;
  }();
  server_->route("GET", "/static", [](const Request&, const auto& respond) {
    Response response;
    response.body = std::as_bytes(std::span(kBig));
    respond(std::move(response));
  });
  server_->route("GET", "/text", [](const Request&, const auto& respond) {
    Response response;
    response.body = kBig;
    respond(std::move(response));
  });
  RawClient client(server_->port());
  EXPECT_TRUE(client.get("/static", host()).body == kBig);
  EXPECT_TRUE(client.get("/text", host()).body == kBig);
}

TEST_F(HttpTest, ChunkedAndExpectedBodies) {
  start();
  server_->route("POST", "/echo", [](Request request, const auto& respond) {
    Response response;
    response.body = std::move(request.body);
    respond(std::move(response));
  });
  RawClient client(server_->port());
  client.send("POST /echo HTTP/1.1\r\nHost: " + host() +
              "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.receive().body, "abcde");
  client.send("POST /echo HTTP/1.1\r\nHost: " + host() +
              "\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.receive(false).status, 100);
  client.send("hi");
  EXPECT_EQ(client.receive().body, "hi");
}

TEST_F(HttpTest, ManyClientsAtOnce) {
  start();
  server_->route("GET", "/", saying("x"));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int i = 0; i < 16; ++i) clients.push_back(std::make_unique<RawClient>(server_->port()));
      for (int round = 0; round < 5; ++round) {
        for (auto& client : clients) {
          client->send("GET / HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
        }
        for (auto& client : clients) right += client->receive().body == "x\n";
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 8 * 16 * 5);
}

TEST(ServerListen, TakenPortNamesIt) {
  EventLoop loop;
  auto first = Server::listen(loop, {});
  ASSERT_TRUE(first);
  const auto second = Server::listen(loop, {.port = (*first)->port()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().category, ErrorCategory::PortInUse);
  EXPECT_THAT(second.error().hint, HasSubstr(std::to_string((*first)->port())));
}

TEST(ServerListen, BadAddressIsInvalidArgument) {
  EventLoop loop;
  for (const auto* address : {"nonsense", "", "256.1.1.1", "192.0.2.1", "localhost"}) {
    const auto server = Server::listen(loop, {.address = address});
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().category, ErrorCategory::InvalidArgument) << address;
    EXPECT_FALSE(server.error().hint.empty());
  }
}

TEST(ServerListen, OriginNamesAddressAndPort) {
  EventLoop loop;
  const auto server = Server::listen(loop, {});
  ASSERT_TRUE(server);
  EXPECT_EQ((*server)->origin(), "http://127.0.0.1:" + std::to_string((*server)->port()));
}

TEST_F(HttpTest, StopFreesThePortAndCallsNobody) {
  start();
  bool dropped = false;
  std::function<void(Response)> later;
  server_->route("GET", "/hang", [&](const Request&, auto respond) { later = std::move(respond); });
  RawClient idle(server_->port());
  RawClient waiting(server_->port());
  waiting.send("GET /hang HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  while (!onLoop([&] { return later != nullptr; })) std::this_thread::yield();
  const auto port = server_->port();
  onLoop([&] {
    server_->stop();
    const auto again = Server::listen(loop_, {.port = port});
    EXPECT_TRUE(again);
    dropped = true;
  });
  EXPECT_TRUE(idle.readToEnd());
  EXPECT_TRUE(waiting.readToEnd());
  EXPECT_EQ(waiting.pending(), "");
  EXPECT_TRUE(dropped);
  onLoop([&] { later(textResponse(200, "too late")); });
  while (onLoop([&] { return server_->connections(); }) > 0) std::this_thread::yield();
}

TEST_F(HttpTest, AHandlerMayStopTheServer) {
  start();
  auto token = std::make_shared<int>(7);
  server_->route("POST", "/stop", [this, token](const Request&, const auto& respond) {
    server_->stop();
    EXPECT_EQ(*token, 7);
    respond(textResponse(200, "stopped"));
  });
  RawClient client(server_->port());
  client.send("POST /stop HTTP/1.1\r\nHost: " + host() + "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client.readToEnd());
}

}  // namespace
}  // namespace webpool::net

// Clients that are hostile, broken or slow.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <semaphore>
#include <stdexcept>
#include <vector>

#include "net/server.h"
#include "net/test_server.h"

namespace webpool::net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class HttpFaultTest : public ServerTest {
 protected:
  void serve(ServerOptions options = {}) {
    start(std::move(options));
    server_->route("GET", "/", [this](const Request&, const auto& respond) {
      ++handled_;
      respond(textResponse(200, "x"));
    });
    server_->route("POST", "/", [this](const Request&, const auto& respond) {
      ++handled_;
      respond(textResponse(200, "x"));
    });
  }

  void expectStillServes() {
    RawClient client(server_->port());
    EXPECT_EQ(client.get("/", host()).status, 200);
  }

  int handled_ = 0;  // loop thread
};

TEST_F(HttpFaultTest, RequestsThatWaitInOneConnectionTakeTurnsWithThoseOfOthers) {
  serve();
  constexpr std::size_t kWaiting = 50;
  std::vector<std::string> order;  // loop thread
  std::binary_semaphore begun{0};
  std::binary_semaphore go{0};
  server_->route("GET", "/many", [&](const Request&, const auto& respond) {
    order.emplace_back("many");
    if (order.size() == 1) {
      begun.release();
      go.acquire();
    }
    respond(textResponse(200, "x"));
  });
  server_->route("GET", "/one", [&](const Request&, const auto& respond) {
    order.emplace_back("one");
    respond(textResponse(200, "x"));
  });
  RawClient one(server_->port());
  EXPECT_EQ(one.get("/", host()).status, 200);
  RawClient many(server_->port());
  std::string requests;
  for (std::size_t i = 0; i < kWaiting; ++i) {
    requests += "GET /many HTTP/1.1\r\nHost: " + host() + "\r\n\r\n";
  }
  many.send(requests);
  begun.acquire();
  one.send("GET /one HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  go.release();
  EXPECT_EQ(one.receive().status, 200);
  for (std::size_t i = 0; i < kWaiting; ++i) EXPECT_EQ(many.receive().status, 200);
  const auto all = onLoop([&] { return order; });
  EXPECT_EQ(all.size(), kWaiting + 1);
  EXPECT_LT(std::ranges::find(all, "one") - all.begin(), kWaiting / 2);
}

TEST_F(HttpFaultTest, ABodyThatComesInPiecesIsReadWhole) {
  start();
  server_->route("POST", "/echo", [](Request request, const auto& respond) {
    respond(textResponse(200, request.body));
  });
  const auto head = "POST /echo HTTP/1.1\r\nHost: " + host() + "\r\n";
  const auto plain = head + "Content-Length: 10\r\n\r\n0123456789";
  const auto chunked =
      head + "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";
  for (const auto& request : {plain, chunked}) {
    for (std::size_t cut = 1; cut < request.size(); ++cut) {
      RawClient client(server_->port());
      client.socket().set_option(tcp::no_delay(true));
      client.send(request.substr(0, cut));
      onLoop([] {});  // what came is read by then, mostly
      client.send(request.substr(cut));
      const auto answer = client.receive();
      ASSERT_EQ(answer.status, 200) << cut;
      ASSERT_EQ(answer.body, "0123456789\n") << cut;
    }
  }
}

TEST_F(HttpFaultTest, ForeignNamesOriginsAndSitesNeverReachAHandler) {
  serve();
  const auto statusOf = [&](const std::string& name, const std::string& extra) {
    RawClient client(server_->port());
    const auto response = client.get("/", name, extra);
    EXPECT_EQ(response.field("Connection"), "close");
    EXPECT_FALSE(response.body.empty());
    EXPECT_TRUE(client.readToEnd());
    return response.status;
  };
  EXPECT_EQ(statusOf("evil.example", ""), 421);
  EXPECT_EQ(statusOf("evil.example:" + std::to_string(server_->port()), ""), 421);
  EXPECT_EQ(statusOf(host(), "Host: " + host() + "\r\n"), 400);
  EXPECT_EQ(statusOf(host(), "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(statusOf(host(), "Origin: null\r\n"), 403);
  EXPECT_EQ(statusOf(host(), "Sec-Fetch-Site: cross-site\r\n"), 403);
  EXPECT_EQ(onLoop([&] { return handled_; }), 0);

  RawClient own(server_->port());
  EXPECT_EQ(own.get("/", host(), "Origin: http://" + host() + "\r\nSec-Fetch-Site: same-origin\r\n")
                .status,
            200);
}

TEST_F(HttpFaultTest, AForeignHostIsNotEchoedIntoThePolicy) {
  serve();
  RawClient client(server_->port());
  const auto response = client.get("/", "evil.example; script-src *");
  EXPECT_NE(response.status, 200);
  EXPECT_THAT(response.field("Content-Security-Policy"), testing::Not(HasSubstr("evil")));
}

TEST_F(HttpFaultTest, ConfiguredNameIsServed) {
  serve({.allowedHosts = {"pool.example"}});
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/", "pool.example").status, 200);
}

TEST_F(HttpFaultTest, HeaderThatNeverEndsIsToldSoAndCut) {
  serve({.headerTimeout = milliseconds(100), .closeTimeout = milliseconds(100)});
  RawClient silent(server_->port());
  RawClient slow(server_->port());
  slow.send("GET / HTTP/1.1\r\nHost: " + host() + "\r\nX-A: ");
  // Each byte comes in time for the next, but the header as a whole does not.
  std::thread drip([&] {
    boost::system::error_code error;
    while (!error) {
      asio::write(slow.socket(), asio::buffer("a", 1), error);
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  EXPECT_TRUE(silent.readToEnd());
  EXPECT_EQ(silent.pending(), "") << "nothing had come of it";
  const auto told = slow.receive();
  EXPECT_EQ(told.status, 408);
  EXPECT_EQ(told.field("Connection"), "close");
  EXPECT_THAT(told.body, testing::HasSubstr("head came too slowly"));
  EXPECT_TRUE(slow.readToEnd());
  drip.join();
  EXPECT_EQ(slow.pending(), "");
  expectStillServes();
}

TEST_F(HttpFaultTest, OfAFurtherRequestToo) {
  serve({.headerTimeout = milliseconds(100), .closeTimeout = milliseconds(100)});
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/", host()).status, 200);
  client.send("GET / HT");
  EXPECT_EQ(client.receive().status, 408);
  EXPECT_TRUE(client.readToEnd());
}

/// A connection that only waits for its peer to take part in closing keeps nobody out.
TEST_F(HttpFaultTest, OneThatOnlyClosesGivesItsPlace) {
  serve({.maxConnections = 1, .headerTimeout = milliseconds(100)});
  RawClient slow(server_->port());
  slow.send("GET / HT");
  EXPECT_EQ(slow.receive().status, 408);
  RawClient next(server_->port());
  EXPECT_EQ(next.get("/", host()).status, 200);
}

TEST_F(HttpFaultTest, IdleConnectionAndStalledBodyAreCut) {
  serve({.idleTimeout = milliseconds(100), .bodyTimeout = milliseconds(100)});
  RawClient idle(server_->port());
  EXPECT_EQ(idle.get("/", host()).status, 200);
  EXPECT_TRUE(idle.readToEnd());
  RawClient stalled(server_->port());
  stalled.send("POST / HTTP/1.1\r\nHost: " + host() + "\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(stalled.receive().status, 408);
  EXPECT_TRUE(stalled.readToEnd());
  expectStillServes();
}

TEST_F(HttpFaultTest, WhatTheServerAnswersItselfIsTold) {
  std::vector<std::string> told;
  ServerOptions options{.bodyTimeout = milliseconds(100)};
  options.onRefusal = [&told](const RefusedRequest& request, Response& answer) {
    told.push_back(std::string(request.method) + " " + std::string(request.path) + " " +
                   std::to_string(answer.status) + " " + std::string(request.headers.get("X-A")));
    EXPECT_THAT(request.peer, testing::StartsWith("127.0.0.1:"));
    answer.headers.set("X-Seen", "yes");
  };
  serve(std::move(options));
  const auto ask = [this](const std::string& request) {
    RawClient client(server_->port());
    client.send(request);
    EXPECT_EQ(client.receive().field("X-Seen"), "yes") << request;
  };
  const auto fields = " HTTP/1.1\r\nX-A: a\r\nHost: ";
  ask("GET /none" + (fields + host()) + "\r\n\r\n");
  ask("DELETE /" + (fields + host()) + "\r\n\r\n");
  ask("GET /x?y" + (fields + std::string("evil.example")) + "\r\n\r\n");
  ask("POST /slow" + (fields + host()) + "\r\nContent-Length: 9\r\n\r\n");
  EXPECT_THAT(onLoop([&] { return told; }),
              testing::ElementsAre("GET /none 404 a", "DELETE / 405 a", "GET /x 421 a",
                                   "POST /slow 408 a"));
}

TEST_F(HttpFaultTest, ReaderThatStallsIsCut) {
  serve({.idleTimeout = milliseconds(200)});
  server_->route("GET", "/big", [](const Request&, const auto& respond) {
    Response response;
    response.body = std::string(64u << 20, 'x');
    respond(std::move(response));
  });
  RawClient client(server_->port());
  client.send("GET /big HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  while (onLoop([&] { return server_->connections(); }) == 0) std::this_thread::yield();
  while (onLoop([&] { return server_->connections(); }) > 0) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_TRUE(client.readToEnd());
  EXPECT_LT(client.pending().size(), 64u << 20);
}

TEST_F(HttpFaultTest, ReaderThatIsOnlySlowGetsAll) {
  constexpr std::size_t kBytes = 8u << 20;
  serve({.idleTimeout = std::chrono::seconds(1)});
  server_->route("GET", "/big", [](const Request&, const auto& respond) {
    Response response;
    response.body = std::string(kBytes, 'x');
    respond(std::move(response));
  });
  RawClient client(server_->port(), 32u << 10);
  client.send("GET /big HTTP/1.1\r\nHost: " + host() + "\r\nConnection: close\r\n\r\n");
  // For several times the server's patience it takes less than what makes the server's own socket
  // take more: that waits until a third of its buffer is free.
  std::size_t got = 0;
  std::array<char, 16384> piece;
  for (int i = 0; i < 70; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    got += client.socket().read_some(asio::buffer(piece));
  }
  ASSERT_LT(got, kBytes / 4);
  client.socket().set_option(asio::socket_base::receive_buffer_size(4 << 20));
  EXPECT_TRUE(client.readToEnd());
  EXPECT_GT(got + client.pending().size(), kBytes);
}

TEST_F(HttpFaultTest, TooLargeHeaderAndBody) {
  serve({.maxBodyBytes = 1000, .maxHeaderBytes = 2000});
  {
    RawClient client(server_->port());
    const auto response = client.get("/", host(), "X-A: " + std::string(2000, 'a') + "\r\n");
    EXPECT_EQ(response.status, 431);
    EXPECT_THAT(response.body, HasSubstr("2000"));
    EXPECT_TRUE(client.readToEnd());
  }
  {
    RawClient client(server_->port());
    const auto response = client.get("/" + std::string(1u << 20, 'a'), host());
    EXPECT_EQ(response.status, 431);
  }
  {
    RawClient client(server_->port());
    client.send("POST / HTTP/1.1\r\nHost: " + host() + "\r\nContent-Length: 1001\r\n\r\n");
    const auto response = client.receive();
    EXPECT_EQ(response.status, 413);
    EXPECT_THAT(response.body, HasSubstr("1000"));
  }
  {
    RawClient client(server_->port());
    client.send("POST / HTTP/1.1\r\nHost: " + host() +
                "\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(1024, 'x') +
                "\r\n0\r\n\r\n");
    EXPECT_EQ(client.receive().status, 413);
  }
  EXPECT_EQ(onLoop([&] { return handled_; }), 0);
  expectStillServes();
}

TEST_F(HttpFaultTest, AllBodiesTogetherHaveABound) {
  serve({.maxBodyBytes = 1000, .maxBodiesBytes = 1500});
  std::function<void(Response)> respond;
  server_->route("POST", "/held", [&](const Request&, auto later) { respond = std::move(later); });
  const auto post = [this](const std::string& path, const std::string& framing) {
    return "POST " + path + " HTTP/1.1\r\nHost: " + host() + "\r\n" + framing;
  };
  const auto whole = "Content-Length: 900\r\n\r\n" + std::string(900, 'x');
  RawClient first(server_->port());
  first.send(post("/held", whole));
  while (onLoop([&] { return respond == nullptr; })) std::this_thread::yield();
  for (const auto& framing : {whole, "Transfer-Encoding: chunked\r\n\r\n384\r\n" +
                                         std::string(900, 'x') + "\r\n0\r\n\r\n"}) {
    RawClient refused(server_->port());
    refused.send(post("/", framing));
    const auto answer = refused.receive();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.field("Retry-After"), "1");
    EXPECT_TRUE(refused.readToEnd());
  }
  RawClient small(server_->port());
  small.send(post("/", "Content-Length: 600\r\n\r\n" + std::string(600, 'x')));
  EXPECT_EQ(small.receive().status, 200) << "what fits is served";
  onLoop([&] { respond(textResponse(200, "held")); });
  EXPECT_EQ(first.receive().status, 200);
  small.send(post("/", whole));
  EXPECT_EQ(small.receive().status, 200) << "an answered one takes no room";
}

TEST_F(HttpFaultTest, GarbageIsRefused) {
  serve();
  const std::vector<std::string> garbage{
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain "
      "port\r\n\r\n",
      std::string("\0\0\0\0\r\n\r\n", 8),
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET / HTTP/1.1\r\nHost\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: " + host() + "\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST / HTTP/1.1\r\nHost: " + host() +
          "\r\nContent-Length: 1\r\nTransfer-Encoding: "
          "chunked\r\n\r\n0\r\n\r\n",
      "GET ftp://evil.example/ HTTP/1.1\r\nHost: " + host() + "\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: " + host() + "\r\n\r\n",
  };
  for (const auto& bytes : garbage) {
    RawClient client(server_->port());
    client.send(bytes);
    EXPECT_EQ(client.receive().status, 400) << bytes;
    EXPECT_TRUE(client.readToEnd());
  }
  EXPECT_EQ(onLoop([&] { return handled_; }), 0);
  expectStillServes();
}

TEST_F(HttpFaultTest, PeersThatVanishLeaveNothingBehind) {
  serve();
  std::vector<std::function<void(Response)>> kept;
  server_->route("GET", "/hang", [&](const Request&, auto respond) { kept.push_back(respond); });
  for (const auto* begin : {"", "GE", "GET / HTTP/1.1\r\nHo",
                            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab"}) {
    RawClient client(server_->port());
    client.send(begin);
    client.abort();
  }
  RawClient waiting(server_->port());
  waiting.send("GET /hang HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  while (onLoop([&] { return kept.empty(); })) std::this_thread::yield();
  waiting.abort();
  onLoop([&] {
    kept.front()(textResponse(200, "nobody listens"));
    kept.clear();
  });
  while (onLoop([&] { return server_->connections(); }) > 0) std::this_thread::yield();
  expectStillServes();
}

TEST_F(HttpFaultTest, HandlerDefectsAre500) {
  serve();
  server_->route("GET", "/silent", [](const Request&, const auto&) {});
  server_->route("GET", "/throws",
                 [](const Request&, const auto&) { throw std::logic_error("broken invariant"); });
  server_->route("GET", "/twice", [](const Request&, const auto& respond) {
    respond(textResponse(200, "first"));
    respond(textResponse(200, "second"));
  });
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/silent", host()).status, 500);
  const auto thrown = client.get("/throws", host());
  EXPECT_EQ(thrown.status, 500);
  EXPECT_THAT(thrown.body, HasSubstr("broken invariant"));
  EXPECT_EQ(client.get("/twice", host()).body, "first\n");
  EXPECT_EQ(client.get("/", host()).body, "x\n");
}

TEST_F(HttpFaultTest, TooManyConnectionsGet503) {
  serve({.maxConnections = 2});
  std::vector<std::function<void(Response)>> kept;
  std::counting_semaphore<> came{0};
  onLoop([&] {
    server_->route("GET", "/wait", [&](const Request&, auto respond) {
      kept.push_back(std::move(respond));
      came.release();
    });
  });
  RawClient first(server_->port());
  RawClient second(server_->port());
  for (auto* client : {&first, &second}) {
    client->send("GET /wait HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
    came.acquire();
  }
  {
    RawClient third(server_->port());
    const auto answer = third.receive();
    EXPECT_EQ(answer.status, 503) << "both others are being answered";
    EXPECT_THAT(answer.body, testing::StartsWith(R"({"error":"too many connections)"));
    EXPECT_EQ(answer.field("Retry-After"), "1");
    EXPECT_TRUE(third.readToEnd());
  }
  onLoop([&] { kept.clear(); });  // which answers them
  first.abort();
  while (onLoop([&] { return server_->connections(); }) > 1) std::this_thread::yield();
  expectStillServes();
}

TEST_F(HttpFaultTest, ANewConnectionTakesThePlaceOfTheOneThatWaitsLongest) {
  serve({.maxConnections = 2});
  RawClient silent(server_->port());
  while (onLoop([&] { return server_->connections(); }) < 1) std::this_thread::yield();
  RawClient idle(server_->port());
  EXPECT_EQ(idle.get("/", host()).status, 200);
  RawClient third(server_->port());
  EXPECT_EQ(third.get("/", host()).status, 200);
  EXPECT_TRUE(silent.readToEnd()) << "it came first and asked nothing";
  RawClient fourth(server_->port());
  EXPECT_EQ(fourth.get("/", host()).status, 200);
  EXPECT_TRUE(idle.readToEnd());
  EXPECT_EQ(third.get("/", host()).status, 200);
}

TEST_F(HttpFaultTest, TheServersOwnAnswersHaveTheFormThatIsAskedFor) {
  ServerOptions options{.maxBodyBytes = 10, .maxHeaderBytes = 400};
  options.refusal = [](int status, std::string_view path, std::string_view reason) {
    Response response = textResponse(status, std::string(path) + "|" + std::string(reason));
    response.headers.set("X-Form", "own");
    return response;
  };
  serve(std::move(options));
  const auto ask = [this](const std::string& request) {
    RawClient client(server_->port());
    client.send(request);
    auto answer = client.receive();
    EXPECT_EQ(answer.field("X-Form"), "own") << request;
    return std::to_string(answer.status) + answer.body.substr(0, answer.body.find('|'));
  };
  const auto hostField = " HTTP/1.1\r\nHost: " + host() + "\r\n";
  EXPECT_EQ(ask("GET /none?x" + hostField + "\r\n"), "404/none");
  EXPECT_EQ(ask("DELETE /" + hostField + "\r\n"), "405/");
  EXPECT_EQ(ask("POST /" + hostField + "Content-Length: 11\r\n\r\n"), "413/");
  EXPECT_EQ(ask("GET /x" + hostField + "A: " + std::string(500, 'a')), "431/x");
  EXPECT_EQ(ask("nonsense\r\n\r\n"), "400");
}

}  // namespace
}  // namespace webpool::net

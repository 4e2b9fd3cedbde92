#include "net/http_client.h"

#include <gmock/gmock.h>

#include <functional>
#include <future>
#include <thread>

#include "net/test_server.h"
#include "net/test_tls.h"

namespace webpool::net {
namespace {

using base::HttpRequest;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class HttpClientTest : public ServerTest {
 protected:
  std::string url(const std::string& path = "/") const { return "http://" + host() + path; }

  HttpClient client_;
};

/// Takes one connection, reads the request's head, and then does what the test says.
class OneConnectionServer {
 public:
  using Behaviour = std::function<void(tcp::socket&)>;

  explicit OneConnectionServer(Behaviour behaviour)
      : acceptor_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        thread_([this, behaviour = std::move(behaviour)] {
          tcp::socket socket(io_);
          acceptor_.accept(socket);
          char byte = 0;
          boost::system::error_code error;
          while (!head_.ends_with("\r\n\r\n") && !error) {
            if (asio::read(socket, asio::buffer(&byte, 1), error) == 1) head_ += byte;
          }
          arrived_.set_value();
          behaviour(socket);
        }) {}
  ~OneConnectionServer() { thread_.join(); }

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
  }
  void waitForRequest() { arrived_.get_future().wait(); }
  const std::string& head() const { return head_; }

 private:
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::string head_;
  std::promise<void> arrived_;
  std::thread thread_;
};

void say(tcp::socket& socket, std::string_view bytes) {
  boost::system::error_code ignored;
  asio::write(socket, asio::buffer(bytes), ignored);
}

/// Until the client hangs up.
void readToEnd(tcp::socket& socket) {
  char buffer[4096];
  boost::system::error_code error;
  while (!error) socket.read_some(asio::buffer(buffer), error);
}

ErrorCategory categoryOf(const Result<base::HttpResponse>& result) {
  return result ? ErrorCategory::Internal : result.error().category;
}

TEST_F(HttpClientTest, SendsWhatItIsToldAndGivesBackWhatComes) {
  start();
  server_->route("POST", "/session", [](const Request& request, const auto& respond) {
    Response response;
    response.status = 201;
    response.headers.set("X-Query", request.query);
    response.headers.set("X-Type", std::string(request.headers.get("Content-Type")));
    response.body = request.body + "!";
    respond(std::move(response));
  });
  const auto answer = client_.request({.method = "POST",
                                       .url = url("/session?a=1#fragment"),
                                       .headers = {{"Content-Type", "application/json"}},
                                       .body = std::string(200'000, 'x')},
                                      {});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, std::string(200'000, 'x') + "!");
  EXPECT_EQ(base::headerOf(answer->headers, "x-query"), "a=1");
  EXPECT_EQ(base::headerOf(answer->headers, "X-TYPE"), "application/json");
  EXPECT_EQ(base::headerOf(answer->headers, "X-None"), "");
}

TEST_F(HttpClientTest, EveryStatusIsAnAnswer) {
  start();
  const auto answer = client_.request({.url = url("/nowhere")}, {});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 404);
  const auto head = client_.request({.method = "HEAD", .url = url("/nowhere")}, {});
  ASSERT_TRUE(head) << head.error().describe();
  EXPECT_EQ(head->body, "");
}

TEST_F(HttpClientTest, NamesAreLookedUp) {
  start();
  const auto answer =
      client_.request({.url = "http://localhost:" + std::to_string(server_->port()) + "/"}, {});
  ASSERT_TRUE(answer) << answer.error().describe();
  const auto unknown = client_.request({.url = "http://no-such-machine.invalid/"}, {});
  EXPECT_EQ(categoryOf(unknown), ErrorCategory::Fetch);
  EXPECT_THAT(unknown.error().message, HasSubstr("no-such-machine.invalid"));
}

TEST_F(HttpClientTest, SeveralThreadsShareOne) {
  start();
  server_->route("GET", "/",
                 [](const Request&, const auto& respond) { respond(textResponse(200, "x")); });
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(std::async(std::launch::async, [&] {
      const auto answer = client_.request({.url = url()}, {});
      return answer ? answer->status : 0;
    }));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 200);
}

TEST_F(HttpClientTest, RefusedConnectionNamesTheCauseButNotThePath) {
  start();
  const auto closed = url("/session/secret");
  onLoop([this] { server_->stop(); });
  const auto answer = client_.request({.url = closed}, {});
  ASSERT_EQ(categoryOf(answer), ErrorCategory::Fetch);
  EXPECT_THAT(answer.error().message, HasSubstr("Connection refused"));
  EXPECT_THAT(answer.error().message, Not(HasSubstr("secret")));
  EXPECT_FALSE(answer.error().hint.empty());
}

TEST_F(HttpClientTest, NonsenseIsRefusedBeforeAnythingIsSent) {
  for (const auto& request :
       {HttpRequest{.url = "mac.local"},
        HttpRequest{.method = "GET /", .url = "http://127.0.0.1:1"},
        HttpRequest{.url = "http://127.0.0.1:1", .headers = {{"X", "a\r\nHost: b"}}},
        HttpRequest{.url = "http://127.0.0.1:1", .headers = {{"X\n", "a"}}}}) {
    EXPECT_EQ(categoryOf(client_.request(request, {})), ErrorCategory::InvalidArgument);
  }
}

TEST_F(HttpClientTest, ServerThatNeverAnswersIsTimedOut) {
  OneConnectionServer server(readToEnd);
  const auto answer = client_.request({.url = server.url(), .timeout = milliseconds(20)}, {});
  EXPECT_EQ(categoryOf(answer), ErrorCategory::Timeout);
}

TEST_F(HttpClientTest, ServerThatTricklesIsTimedOutToo) {
  OneConnectionServer server([](tcp::socket& socket) {
    boost::system::error_code error;
    const std::string_view head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
    asio::write(socket, asio::buffer(head), error);
    while (!error) asio::write(socket, asio::buffer("x", 1), error);
  });
  const auto answer = client_.request(
      {.url = server.url(), .timeout = milliseconds(50), .maxBodyBytes = 1u << 30}, {});
  EXPECT_EQ(categoryOf(answer), ErrorCategory::Timeout);
}

TEST_F(HttpClientTest, BodyThatIsCutOffIsNoAnswer) {
  for (const auto* bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nfive!", "HTTP/1.1 200 O", ""}) {
    OneConnectionServer server([bytes](tcp::socket& socket) { say(socket, bytes); });
    const auto answer = client_.request({.url = server.url()}, {});
    ASSERT_EQ(categoryOf(answer), ErrorCategory::Fetch) << bytes;
    EXPECT_THAT(answer.error().message, HasSubstr("hung up")) << bytes;
  }
}

TEST_F(HttpClientTest, BodyWithoutLengthEndsWithTheConnection) {
  OneConnectionServer server(
      [](tcp::socket& socket) { say(socket, "HTTP/1.0 200 OK\r\n\r\nall of it"); });
  const auto answer = client_.request({.url = server.url()}, {});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->body, "all of it");
}

TEST_F(HttpClientTest, InterimAnswersAreSkipped) {
  OneConnectionServer server([](tcp::socket& socket) {
    say(socket, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  const auto answer = client_.request({.url = server.url()}, {});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->body, "ok");
  EXPECT_THAT(server.head(), HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpClientTest, TooLargeAnswersAreRefused) {
  for (const auto* head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}) {
    OneConnectionServer server(
        [head](tcp::socket& socket) { say(socket, head + std::string(101, 'x')); });
    const auto answer = client_.request({.url = server.url(), .maxBodyBytes = 100}, {});
    ASSERT_EQ(categoryOf(answer), ErrorCategory::Fetch);
    EXPECT_THAT(answer.error().message, HasSubstr("more than the 100 bytes"));
  }
  OneConnectionServer endless([](tcp::socket& socket) {
    say(socket, "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'));
  });
  EXPECT_EQ(categoryOf(client_.request({.url = endless.url()}, {})), ErrorCategory::Fetch);
}

TEST_F(HttpClientTest, WhatIsNoHttpIsSaidSo) {
  OneConnectionServer server([](tcp::socket& socket) { say(socket, "SSH-2.0-OpenSSH_9.2\r\n"); });
  EXPECT_EQ(categoryOf(client_.request({.url = server.url()}, {})), ErrorCategory::Fetch);
}

TEST_F(HttpClientTest, StopEndsACallThatWaits) {
  OneConnectionServer server(readToEnd);
  std::stop_source stop;
  auto answer = std::async(
      std::launch::async, [&] { return client_.request({.url = server.url()}, stop.get_token()); });
  server.waitForRequest();
  stop.request_stop();
  EXPECT_EQ(categoryOf(answer.get()), ErrorCategory::Cancelled);
  EXPECT_EQ(categoryOf(client_.request({.url = server.url()}, stop.get_token())),
            ErrorCategory::Cancelled);
}

TEST_F(HttpClientTest, GraceAfterStopLetsTheAnswerCome) {
  std::promise<void> stopped;
  OneConnectionServer server([&](tcp::socket& socket) {
    stopped.get_future().wait();
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nid");
  });
  std::stop_source stop;
  auto answer = std::async(std::launch::async, [&] {
    return client_.request({.url = server.url(), .graceAfterStop = std::chrono::hours(1)},
                           stop.get_token());
  });
  server.waitForRequest();
  stop.request_stop();
  stopped.set_value();
  const auto got = answer.get();
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_EQ(got->body, "id");
}

TEST_F(HttpClientTest, GraceAfterStopHasAnEnd) {
  OneConnectionServer server(readToEnd);
  std::stop_source stop;
  auto answer = std::async(std::launch::async, [&] {
    return client_.request({.url = server.url(), .graceAfterStop = milliseconds(5)},
                           stop.get_token());
  });
  server.waitForRequest();
  stop.request_stop();
  EXPECT_EQ(categoryOf(answer.get()), ErrorCategory::Cancelled);
}

TEST_F(HttpClientTest, TlsIsCheckedAgainstAuthorityAndName) {
  start({.address = "0.0.0.0", .tls = testIdentity()});
  server_->route("GET", "/",
                 [](const Request&, const auto& respond) { respond(textResponse(200, "secure")); });
  const auto port = std::to_string(server_->port());
  HttpClient trusting({.moreAuthorities = testPem().certificate});
  for (const auto* name : {"127.0.0.1", "localhost"}) {
    const auto answer = trusting.request({.url = std::string("https://") + name + ":" + port}, {});
    ASSERT_TRUE(answer) << answer.error().describe();
    EXPECT_EQ(answer->body, "secure\n");
  }
  const auto untrusted = client_.request({.url = "https://127.0.0.1:" + port}, {});
  ASSERT_EQ(categoryOf(untrusted), ErrorCategory::Fetch);
  EXPECT_THAT(untrusted.error().message, HasSubstr("not trusted"));
  // The same machine by an address that the certificate is not for.
  const auto misnamed = trusting.request({.url = "https://127.0.0.2:" + port}, {});
  ASSERT_EQ(categoryOf(misnamed), ErrorCategory::Fetch);
  EXPECT_THAT(misnamed.error().message, HasSubstr("not trusted: IP address mismatch"));
}

TEST_F(HttpClientTest, PlainServerIsNoTlsServer) {
  start();
  const auto answer = client_.request({.url = "https://" + host() + "/"}, {});
  EXPECT_EQ(categoryOf(answer), ErrorCategory::Fetch);
}

TEST_F(HttpClientTest, ABodyCanBeTakenPieceByPiece) {
  start();
  std::string sent(3 << 20, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + (i >> 8));
  server_->route("GET", "/big", [&](const Request&, const auto& respond) {
    Response response;
    response.headers.set("ETag", "\"tag\"");
    response.body = sent;
    respond(std::move(response));
  });
  std::string came;
  std::size_t largest = 0;
  HttpRequest request{.url = url("/big"),
                      .onBody = [&](const base::HttpResponse& head, std::string_view piece) {
                        EXPECT_EQ(head.status, 200);
                        EXPECT_EQ(base::headerOf(head.headers, "etag"), "\"tag\"");
                        largest = std::max(largest, piece.size());
                        came += piece;
                        return Result<void>();
                      }};
  const auto answer = client_.request(request, {});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_TRUE(came == sent);
  EXPECT_EQ(answer->body, "");
  EXPECT_LE(largest, std::size_t{256u << 10});

  request.onBody = [](const base::HttpResponse&, std::string_view) -> Result<void> {
    return fail(ErrorCategory::NoSpace, "full");
  };
  EXPECT_EQ(categoryOf(client_.request(request, {})), ErrorCategory::NoSpace);
  // Other answers come as ever.
  request.url = url("/nowhere");
  const auto missing = client_.request(request, {});
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_NE(missing->body, "");
}

TEST_F(HttpClientTest, PiecesOfABrokenOffAnswerAreGiven) {
  OneConnectionServer server([](tcp::socket& socket) {
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst part");
  });
  std::string came;
  const auto answer = client_.request({.url = server.url(),
                                       .onBody =
                                           [&](const base::HttpResponse&, std::string_view piece) {
                                             came += piece;
                                             return Result<void>();
                                           }},
                                      {});
  EXPECT_EQ(categoryOf(answer), ErrorCategory::Fetch);
  EXPECT_EQ(came, "first part");
}

TEST_F(HttpClientTest, AServerThatFallsSilentIsGivenUp) {
  OneConnectionServer server([](tcp::socket& socket) {
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst part");
    readToEnd(socket);
  });
  const auto answer = client_.request({.url = server.url(), .stallTimeout = milliseconds(50)}, {});
  EXPECT_EQ(categoryOf(answer), ErrorCategory::Timeout);
  EXPECT_THAT(answer.error().message, HasSubstr("sent nothing"));
}

TEST_F(HttpClientTest, RedirectsAreFollowedWithoutTheSecretOfAnotherOrigin) {
  start();
  std::string here = "none";
  OneConnectionServer other(
      [](tcp::socket& socket) { say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"); });
  const auto redirect = [](std::string to) {
    return [to](const Request&, const auto& respond) {
      Response response{.status = 302, .headers = {}, .body = {}};
      response.headers.set("Location", to);
      respond(std::move(response));
    };
  };
  server_->route("GET", "/away", redirect(other.url()));
  server_->route("GET", "/round", redirect("/round"));
  server_->route("GET", "/a/near", redirect("end"));
  server_->route("GET", "/a/end", [&](const Request& request, const auto& respond) {
    here = request.headers.get("Authorization");
    respond(textResponse(200, "end"));
  });
  const base::HttpHeaders secret{{"authorization", "Bearer secret"}, {"X-Kept", "1"}};
  const auto near =
      client_.request({.url = url("/a/near"), .headers = secret, .maxRedirects = 3}, {});
  ASSERT_TRUE(near) << near.error().describe();
  EXPECT_EQ(near->url, url("/a/end"));
  EXPECT_EQ(here, "Bearer secret");
  const auto away =
      client_.request({.url = url("/away"), .headers = secret, .maxRedirects = 3}, {});
  ASSERT_TRUE(away) << away.error().describe();
  EXPECT_EQ(away->body, "here");
  EXPECT_THAT(other.head(), Not(HasSubstr("secret")));
  EXPECT_THAT(other.head(), HasSubstr("X-Kept: 1"));
  const auto round = client_.request({.url = url("/round"), .maxRedirects = 3}, {});
  EXPECT_EQ(categoryOf(round), ErrorCategory::Fetch);
  EXPECT_THAT(round.error().message, HasSubstr("without end"));
  const auto answer = client_.request({.url = url("/round")}, {});
  EXPECT_EQ(answer->status, 302);
}

TEST_F(HttpClientTest, AConnectionIsKeptOnlyWhereTheRequestSaysSo) {
  start();
  server_->route("GET", "/", [](const Request& request, const auto& respond) {
    respond(textResponse(200, request.peer));
  });
  const auto ask = [&](bool keep) {
    const auto answer = client_.request({.url = url(), .keepAlive = keep}, {});
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().describe());
    return answer ? *answer : base::HttpResponse{};
  };
  const auto first = ask(true);
  EXPECT_GT(first.connectTook.count(), 0);
  const auto second = ask(true);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.connectTook.count(), 0);
  const auto alone = ask(false);
  EXPECT_NE(alone.body, first.body);
  EXPECT_EQ(ask(true).body, first.body);
  std::string pieces;
  const auto streamed = client_.request(
      {.url = url(),
       .onBody = [&](const base::HttpResponse&, std::string_view piece) -> Result<void> {
         pieces += piece;
         return {};
       },
       .keepAlive = true},
      {});
  ASSERT_TRUE(streamed) << streamed.error().describe();
  EXPECT_EQ(pieces, first.body);
  EXPECT_EQ(ask(true).body, first.body);
}

TEST_F(HttpClientTest, AKeptConnectionThatTheServerClosedCostsNothing) {
  start();
  server_->route("GET", "/", [](const Request& request, const auto& respond) {
    respond(textResponse(200, request.peer));
  });
  const HttpRequest request{.url = url(), .keepAlive = true};
  ASSERT_TRUE(client_.request(request, {}));
  const auto port = server_->port();
  onLoop([this] { server_.reset(); });
  onLoop([&] {
    auto listening = Server::listen(loop_, {.port = port});
    ASSERT_TRUE(listening) << listening.error().describe();
    server_ = std::move(*listening);
    server_->route("GET", "/",
                   [](const Request&, const auto& respond) { respond(textResponse(200, "new")); });
  });
  const auto answer = client_.request(request, {});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->body, "new\n");
}

TEST_F(HttpClientTest, AKeptConnectionThatIsClosedUnderARequestIsTriedOnceMore) {
  // Closed only when the second request is there: nothing shows that before it is sent.
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  std::jthread server([&] {
    const auto readHead = [](tcp::socket& socket) {
      std::string head;
      char byte = 0;
      boost::system::error_code error;
      while (!head.ends_with("\r\n\r\n") &&
             asio::read(socket, asio::buffer(&byte, 1), error) == 1) {
        head += byte;
      }
    };
    auto first = acceptor.accept();
    readHead(first);
    say(first, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    readHead(first);
    first.close();
    auto second = acceptor.accept();
    readHead(second);
    say(second, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    readToEnd(second);
  });
  {
    HttpClient client;
    const HttpRequest request{
        .url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/",
        .keepAlive = true};
    EXPECT_EQ(client.request(request, {}).value().body, "one");
    const auto answer = client.request(request, {});
    ASSERT_TRUE(answer) << answer.error().describe();
    EXPECT_EQ(answer->body, "two");
  }
}

}  // namespace
}  // namespace webpool::net

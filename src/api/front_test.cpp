#include "api/front.h"

#include <gmock/gmock.h>

#include <semaphore>
#include <stdexcept>

#include "net/test_server.h"

namespace webpool::api {
namespace {

using net::RawClient;
using testing::HasSubstr;

class FrontTest : public testing::Test {
 protected:
  void open(std::string token = {}) {
    FrontOptions options;
    options.token = std::move(token);
    options.log = [this](const AccessLine& line) {
      lines_.push_back(line);
      logged_.release();
    };
    auto front = Front::open(std::move(options));
    ASSERT_TRUE(front) << front.error().describe();
    front_ = std::move(*front);
    front_->route("GET", "/x", "x", [this](std::shared_ptr<Exchange> exchange) {
      held_ = std::move(exchange);
      came_.release();
    });
    front_->route(
        "GET", "/health", "health",
        [](const std::shared_ptr<Exchange>& exchange) {
          exchange->respond(jsonResponse(200, "{}"));
        },
        plainError, true);
  }
  std::uint16_t port() const {
    const auto origin = front_->origin();
    return static_cast<std::uint16_t>(std::stoi(origin.substr(origin.rfind(':') + 1)));
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port()); }
  std::string ask(const std::string& more = {}) const {
    return "GET /x HTTP/1.1\r\nHost: " + host() + "\r\n" + more + "\r\n";
  }

  std::vector<AccessLine> lines_;
  std::counting_semaphore<> logged_{0};
  std::counting_semaphore<> came_{0};
  std::shared_ptr<Exchange> held_;
  std::unique_ptr<Front> front_;
};

TEST_F(FrontTest, AnswersWithTheIdOfTheRequestAndLogsIt) {
  open();
  RawClient client(port());
  client.send(ask("X-Request-Id: mine-1\r\n"));
  came_.acquire();
  held_->forModel("m");
  held_->respond(jsonResponse(200, "{}"));
  held_.reset();
  EXPECT_EQ(client.receive().field("X-Request-Id"), "mine-1");
  logged_.acquire();
  EXPECT_EQ(lines_.front().id, "mine-1");
  EXPECT_EQ(lines_.front().model, "m");
  EXPECT_EQ(lines_.front().status, 200);
  EXPECT_THAT(front_->metrics().text(), HasSubstr("route=\"x\",status=\"200\",model=\"m\"} 1"));
}

TEST_F(FrontTest, AWrongTokenIsRefusedButHealthIsNot) {
  open("secret");
  RawClient client(port());
  EXPECT_EQ(client.get("/x", host()).status, 401);
  const auto wrong = client.get("/x", host(), "Authorization: Bearer secreT\r\n");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.field("WWW-Authenticate"), "Bearer");
  EXPECT_THAT(wrong.body, HasSubstr("{\"error\":"));
  EXPECT_EQ(client.get("/health", host()).status, 200);
  client.send(ask("Authorization: bearer secret\r\n"));
  came_.acquire();
  held_->fail({ErrorCategory::Busy, "full", ""});
  held_.reset();
  const auto busy = client.receive();
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.field("Retry-After"), "1");
}

TEST_F(FrontTest, BeyondLoopbackATokenIsRequired) {
  FrontOptions options;
  options.server.address = "0.0.0.0";
  const auto front = Front::open(std::move(options));
  ASSERT_FALSE(front);
  EXPECT_EQ(front.error().category, ErrorCategory::InvalidArgument);
}

TEST_F(FrontTest, AClientThatLeavesAndTheEndBothAskToStop) {
  open();
  {
    RawClient client(port());
    client.send(ask());
    came_.acquire();
    std::binary_semaphore stopped{0};
    const std::stop_callback callback(held_->stop(), [&] { stopped.release(); });
    client.abort();
    stopped.acquire();
  }
  held_.reset();
  RawClient client(port());
  client.send(ask());
  came_.acquire();
  front_->drain(std::chrono::milliseconds(0));
  EXPECT_TRUE(held_->stop().stop_requested());
  held_->fail({ErrorCategory::Cancelled, "ended", ""});
  held_.reset();
  const auto cut = client.receive();
  EXPECT_EQ(cut.status, 503);
  EXPECT_EQ(cut.field("Retry-After"), "1");
  EXPECT_THAT(cut.body, HasSubstr("webpool is shutting down"));
  const auto later = client.get("/health", host());
  EXPECT_EQ(later.status, 503);
  EXPECT_THAT(later.body, HasSubstr("webpool is shutting down"));
}

TEST_F(FrontTest, RetryAfterIsTheTimeThatTheErrorKnows) {
  const auto told = [](std::optional<std::chrono::milliseconds> known) {
    Error busy{ErrorCategory::Busy, "much waits", ""};
    busy.retryAfter = known;
    return retryAfterOf(busy);
  };
  EXPECT_EQ(told({}), "1");
  EXPECT_EQ(told(std::chrono::milliseconds(200)), "1");
  EXPECT_EQ(told(std::chrono::milliseconds(19'500)), "20");
  EXPECT_EQ(told(std::chrono::hours(1)), "60");
  open();
  RawClient client(port());
  client.send(ask());
  came_.acquire();
  Error busy{ErrorCategory::Busy, "much waits", ""};
  busy.retryAfter = std::chrono::milliseconds(19'500);
  held_->fail(busy);
  held_.reset();
  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.field("Retry-After"), "20");
}

TEST_F(FrontTest, WhatLacksMemoryIsNoCallToTryAgain) {
  EXPECT_EQ(statusOf(Error{ErrorCategory::OutOfMemory, "", ""}), 507);
  open();
  RawClient client(port());
  client.send(ask());
  came_.acquire();
  held_->fail({ErrorCategory::OutOfMemory, "the model needs 9 GB, and one browser may use 4", ""});
  held_.reset();
  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 507);
  EXPECT_EQ(answer.field("Retry-After"), "");
}

TEST_F(FrontTest, AClientThatLeftCountsAsSuchInEachForm) {
  open();
  front_->route(
      "GET", "/left", "left",
      [this](std::shared_ptr<Exchange> exchange) {
        held_ = std::move(exchange);
        came_.release();
      },
      [](const Error& error, int) { return jsonResponse(503, error.describe()); });
  RawClient client(port());
  client.send("GET /left HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  came_.acquire();
  {
    std::binary_semaphore stopped{0};
    const std::stop_callback callback(held_->stop(), [&] { stopped.release(); });
    client.abort();
    stopped.acquire();
  }
  held_->fail({ErrorCategory::Cancelled, "the run was cancelled", ""});
  held_.reset();
  logged_.acquire();
  EXPECT_EQ(lines_.front().status, 499);
  EXPECT_THAT(front_->metrics().text(), HasSubstr("route=\"left\",status=\"499\""));
}

TEST_F(FrontTest, WhatNoRouteAnswersIsCountedAndLoggedWithAnId) {
  open();
  RawClient client(port());
  EXPECT_EQ(client.get("/none", host(), "X-Request-Id: mine-1\r\n").field("X-Request-Id"),
            "mine-1");
  client.send("DELETE /x HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  const auto wrong = client.receive();
  EXPECT_EQ(wrong.status, 405);
  EXPECT_FALSE(wrong.field("X-Request-Id").empty());
  EXPECT_EQ(RawClient(port()).get("/x", "evil.example").status, 421);
  for (int i = 0; i < 3; ++i) logged_.acquire();
  ASSERT_EQ(lines_.size(), 3U);
  EXPECT_EQ(lines_[0].id, "mine-1");
  EXPECT_EQ(lines_[0].path, "/none");
  EXPECT_EQ(lines_[1].method, "DELETE");
  EXPECT_EQ(lines_[1].status, 405);
  EXPECT_EQ(lines_[2].status, 421);
  const auto text = front_->metrics().text();
  for (const auto* status : {"404", "405", "421"}) {
    EXPECT_THAT(text, HasSubstr(std::string("route=\"none\",status=\"") + status));
  }
}

/// Of twelve bytes, as gzip writes them.
const std::string kHello(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57"
    "\x28\xcf\x2f\xca\x49\x01\x00\x85\x11\x4a\x0d\x0b\x00\x00\x00",
    31);

TEST_F(FrontTest, APackedBodyIsUnpackedBeforeItIsRead) {
  open();
  front_->route("POST", "/echo", "echo", [](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(jsonResponse(200, exchange->request().body));
  });
  const auto ask = [this](const std::string& coding) {
    RawClient client(port());
    client.send("POST /echo HTTP/1.1\r\nHost: " + host() + "\r\nContent-Encoding: " + coding +
                "\r\nContent-Length: " + std::to_string(kHello.size()) + "\r\n\r\n" + kHello);
    return client.receive();
  };
  EXPECT_EQ(ask("gzip").body, "hello world");
  EXPECT_EQ(ask("identity").body, kHello);
  const auto other = ask("br");
  EXPECT_EQ(other.status, 415);
  EXPECT_THAT(other.body, HasSubstr("Content-Encoding: br"));
}

TEST_F(FrontTest, ACallerIsTheOneThatIsNamedElseItsTokenOrItsAddress) {
  open();
  RawClient client(port());
  const auto callerOf = [&](const std::string& fields, std::string_view named = {}) {
    client.send(ask(fields));
    came_.acquire();
    const auto caller = held_->caller(named);
    held_->respond(jsonResponse(200, "{}"));
    held_.reset();
    (void)client.receive();
    return caller;
  };
  const std::string mine = "X-Webpool-Caller: mine\r\nAuthorization: Bearer a\r\n";
  EXPECT_EQ(callerOf(mine, "ann"), "user:ann");
  EXPECT_EQ(callerOf(mine), "user:mine");
  EXPECT_EQ(callerOf(""), "address:127.0.0.1");
  const auto first = callerOf("Authorization: Bearer a\r\n");
  EXPECT_EQ(first, callerOf("Authorization: Bearer a\r\n"));
  EXPECT_NE(first, callerOf("Authorization: Bearer b\r\n"));
  EXPECT_THAT(first, testing::Not(HasSubstr("Bearer")));
  const std::string many(10'000, 'x');
  EXPECT_LT(callerOf("", many).size(), 40U);
}

TEST_F(FrontTest, ALargeBodyIsReadElsewhereThanOnTheLoop) {
  open();
  std::binary_semaphore reading{0};
  std::binary_semaphore go{0};
  front_->route("POST", "/large", "large", [&](const std::shared_ptr<Exchange>& exchange) {
    reading.release();
    go.acquire();  // as long as a reader takes
    exchange->respond(jsonResponse(200, std::to_string(exchange->request().body.size())));
  });
  RawClient large(port());
  const std::string body(100'000, 'x');
  large.send("POST /large HTTP/1.1\r\nHost: " + host() +
             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  reading.acquire();
  RawClient other(port());
  EXPECT_EQ(other.get("/health", host()).status, 200) << "the loop serves others meanwhile";
  go.release();
  EXPECT_EQ(large.receive().body, "100000");
}

TEST_F(FrontTest, ADefectOfAReaderIsAnAnswer) {
  open();
  front_->route("POST", "/defect", "defect", [](const std::shared_ptr<Exchange>&) {
    throw std::runtime_error("broken invariant");
  });
  RawClient client(port());
  const std::string body(100'000, 'x');
  client.send("POST /defect HTTP/1.1\r\nHost: " + host() +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const auto answer = client.receive();
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr("broken invariant"));
}

TEST_F(FrontTest, AnExchangeThatIsLetGoOfIsAnswered) {
  open();
  RawClient client(port());
  client.send(ask());
  came_.acquire();
  held_.reset();
  EXPECT_EQ(client.receive().status, 500);
}

}  // namespace
}  // namespace webpool::api

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
  EXPECT_EQ(client.receive().status, 499);
  EXPECT_EQ(client.get("/health", host()).status, 503);
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

// The session machines behind real sockets: hostile peers, and a fake page that speaks the
// protocol.
#include "pool/page_hub.h"

#include <gtest/gtest.h>

#include "net/test_websocket.h"
#include "pool/pending.h"
#include "wire/messages.h"

namespace webpool::pool {
namespace {

std::string join(const std::vector<Bytes>& pieces) {
  std::string bytes;
  for (const auto& piece : pieces) bytes += piece.text();
  return bytes;
}

std::string encoded(const wire::PageMessage& message) {
  return join(wire::encodeMessage(message).value());
}

/// A page without a browser: says hello and answers what the test tells it to.
class FakePage {
 public:
  FakePage(std::uint16_t port, const std::string& token) : client_(port) {
    const auto host = "127.0.0.1:" + std::to_string(port);
    EXPECT_FALSE(client_.handshake(host, "/worker/socket", "http://" + host));
    wire::Hello hello;
    hello.token = token;
    hello.pageVersion = "test";
    client_.send(encoded(hello));
  }

  void send(const wire::PageMessage& message) { client_.send(encoded(message)); }
  void sendRaw(std::string_view bytes) { client_.send(bytes); }
  std::uint16_t closeCode() { return client_.closeCode(); }

  /// The next message of that type; others are passed over.
  template <class Message>
  Message receive() {
    while (true) {
      const auto frame = client_.receive();
      if (frame.empty()) throw std::runtime_error("the pool closed the connection");
      auto decoded = wire::decodePoolMessage(Bytes::copyOf(frame));
      if (!decoded || !*decoded) continue;
      if (auto* message = std::get_if<Message>(&(*decoded)->message)) return std::move(*message);
    }
  }

 private:
  net::WebSocketClient client_;
};

class PageHubTest : public net::ServerTest {
 protected:
  void SetUp() override {
    start({});
    onLoop([this] {
      auto log = std::make_shared<spdlog::logger>("test");
      hub_ = std::make_unique<PageHub>(loop_, base::systemRandom(), std::move(log));
      hub_->serve(*server_, "/worker/socket");
      admission_ = hub_->expect(
          {}, {.ready = [this](const wire::Capabilities&) { ready_.set(true); },
               .modelsLost = {},
               .ended =
                   [this](std::optional<Error> cause) {
                     ended_.set(cause ? Result<bool>(std::unexpected(*cause)) : Result<bool>(true));
                   },
               .lateAnswers = [this](std::uint64_t count) { late_ += count; }});
    });
  }

  void TearDown() override {
    onLoop([this] {
      server_->stop();
      hub_.reset();
    });
    ServerTest::TearDown();
  }

  std::shared_ptr<Pending<session::Answer>> submit(session::WorkerSession::Request request) {
    auto pending = std::make_shared<Pending<session::Answer>>();
    onLoop([&] {
      const auto sent = hub_->submit(
          admission_.session, std::move(request), std::nullopt,
          [pending](Result<session::Answer> answer) { pending->set(std::move(answer)); });
      if (!sent) pending->set(std::unexpected(sent.error()));
    });
    return pending;
  }

  std::unique_ptr<PageHub> hub_;
  PageHub::Admission admission_;
  Pending<bool> ready_;
  Pending<bool> ended_;
  std::uint64_t late_ = 0;  ///< loop thread
};

TEST_F(PageHubTest, AWrongTokenIsTurnedAwayAndTheRightOneStillWorks) {
  FakePage stranger(server_->port(), std::string(32, '0'));
  EXPECT_EQ(stranger.closeCode(), 4401);
  FakePage page(server_->port(), admission_.token);
  EXPECT_TRUE(ready_.wait({}));
  // The token is worth nothing a second time.
  FakePage second(server_->port(), admission_.token);
  EXPECT_EQ(second.closeCode(), 4401);
}

TEST_F(PageHubTest, GarbageInsteadOfAHelloIsAProtocolError) {
  const auto host = "127.0.0.1:" + std::to_string(server_->port());
  net::WebSocketClient client(server_->port());
  ASSERT_FALSE(client.handshake(host, "/worker/socket", "http://" + host));
  client.send("this is no frame at all, not by any means");
  EXPECT_EQ(client.closeCode(), 4400);
}

TEST_F(PageHubTest, AHeaderThatLiesEndsThePageAndFailsWhatWasOpen) {
  FakePage page(server_->port(), admission_.token);
  ASSERT_TRUE(ready_.wait({}));
  auto answer = submit(wire::StatsRequest{});
  page.receive<wire::StatsRequest>();
  auto frame = encoded(wire::Pong{1});
  frame[8] = 100;  // claims 100 bytes of tensors that are not there
  page.sendRaw(frame);
  EXPECT_EQ(page.closeCode(), 4400);
  const auto outcome = answer->wait({});
  ASSERT_FALSE(outcome);
  const auto ended = ended_.wait({});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().category, ErrorCategory::Protocol);
}

TEST_F(PageHubTest, TensorsGoThereAndBackAndADoubledAnswerIsDropped) {
  FakePage page(server_->port(), admission_.token);
  const std::vector<float> values{1, 2, 3};
  auto answer = submit(wire::EchoRequest{0, {Tensor::of<float>("x", DataType::Fp32, {3}, values)}});
  auto request = page.receive<wire::EchoRequest>();
  ASSERT_EQ(request.inputs.size(), 1u);
  const wire::EchoResult echo{request.id, request.inputs};
  page.send(echo);
  page.send(echo);
  auto outcome = answer->wait({});
  ASSERT_TRUE(outcome) << outcome.error().describe();
  const auto& outputs = std::get<wire::EchoResult>(*outcome).outputs;
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_TRUE(std::ranges::equal(outputs[0].as<float>(), values));
  // The page is still in good standing.
  auto next = submit(wire::StatsRequest{});
  const auto stats = page.receive<wire::StatsRequest>();
  page.send(wire::Stats{stats.id, {}, {}});
  EXPECT_TRUE(next->wait({}));
  onLoop([this] { EXPECT_EQ(late_, 1U); });
}

TEST_F(PageHubTest, APageThatGoesFailsWhatWasOpen) {
  auto page = std::make_unique<FakePage>(server_->port(), admission_.token);
  auto answer = submit(wire::StatsRequest{});
  page->receive<wire::StatsRequest>();
  onLoop([this] {
    hub_->abandon(admission_.session, {ErrorCategory::WorkerLost, "the browser died", ""});
  });
  const auto outcome = answer->wait({});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().category, ErrorCategory::WorkerLost);
  EXPECT_FALSE(ended_.wait({}));
  const auto late = submit(wire::StatsRequest{})->wait({});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().category, ErrorCategory::WorkerLost);
}

TEST_F(PageHubTest, WhoEndsThePageInsideAnAnswerLeavesNoOtherWithoutOne) {
  FakePage page(server_->port(), admission_.token);
  ASSERT_TRUE(ready_.wait({}));
  onLoop([this] {
    const auto sent = hub_->submit(
        admission_.session, wire::StatsRequest{}, std::nullopt,
        [this](const Result<session::Answer>&) {
          hub_->abandon(admission_.session, {ErrorCategory::WorkerLost, "it was given up", ""});
        });
    EXPECT_TRUE(sent);
  });
  auto other = submit(wire::StatsRequest{});
  const auto first = page.receive<wire::StatsRequest>();
  page.receive<wire::StatsRequest>();
  page.send(wire::Stats{first.id, {}, {}});
  const auto outcome = other->wait({});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().category, ErrorCategory::WorkerLost);
  EXPECT_FALSE(ended_.wait({}));
  EXPECT_EQ(page.closeCode(), 1000);
}

}  // namespace
}  // namespace webpool::pool

// Answers that come bit by bit, and clients that leave.
#include <semaphore>

#include "net/respond_later.h"
#include "net/test_server.h"

namespace webpool::net {
namespace {

using namespace std::string_literals;

class ServerStream : public ServerTest {
 protected:
  void SetUp() override {
    start();
    onLoop([this] {
      server_->route("GET", "/stream", [this](const Request&, const auto& respond) {
        writer_ = std::make_unique<BodyWriter>();
        Response response;
        response.body = writer_->body();
        respond(std::move(response));
      });
      server_->route("GET", "/wait", [this](Request request, auto respond) {
        respond_ = respond;
        left_.emplace(request.closed, [this] { leftCount_.release(); });
        came_.release();
      });
    });
  }

  void TearDown() override {
    onLoop([this] {
      writer_.reset();
      left_.reset();
      respond_ = nullptr;
    });
    ServerTest::TearDown();
  }

  struct Left {
    Left(const std::stop_token& token, std::function<void()> f) : callback(token, std::move(f)) {}
    std::stop_callback<std::function<void()>> callback;
  };

  std::unique_ptr<BodyWriter> writer_;
  std::function<void(Response)> respond_;
  std::optional<Left> left_;
  std::counting_semaphore<> came_{0};
  std::counting_semaphore<> leftCount_{0};
};

TEST_F(ServerStream, ComesInChunksAndTheConnectionGoesOn) {
  RawClient client(server_->port());
  auto head = client.get("/stream", host());
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(head.field("Content-Length"), "");
  writer_->write("hello");  // on the test's thread, as a pool's would
  std::string got;
  while (got.size() < 10) {
    char byte = 0;
    asio::read(client.socket(), asio::buffer(&byte, 1));
    got += byte;
  }
  EXPECT_EQ(got, "5\r\nhello\r\n");
  writer_->end();
  got.clear();
  while (got.size() < 5) {
    char byte = 0;
    asio::read(client.socket(), asio::buffer(&byte, 1));
    got += byte;
  }
  EXPECT_EQ(got, "0\r\n\r\n");
  EXPECT_EQ(client.get("/nothing", host()).status, 404);
}

TEST_F(ServerStream, ForHttp10UntilTheClose) {
  RawClient client(server_->port());
  client.send("GET /stream HTTP/1.0\r\nHost: " + host() + "\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.receive().field("Transfer-Encoding"), "");
  writer_->write("all of ");
  writer_->write("it");
  writer_->end();
  client.readToEnd();
  EXPECT_EQ(client.pending(), "all of it");
}

TEST_F(ServerStream, CutOffWithoutAnEnd) {
  RawClient client(server_->port());
  client.get("/stream", host());
  writer_->write("x");
  onLoop([this] { writer_.reset(); });
  EXPECT_TRUE(client.readToEnd());
  EXPECT_EQ(client.pending().find("0\r\n\r\n"), std::string::npos);
}

TEST_F(ServerStream, TheWriterLearnsThatItsReaderLeft) {
  RawClient client(server_->port());
  client.get("/stream", host());
  std::binary_semaphore left{0};
  const std::stop_callback callback(writer_->closed(), [&] { left.release(); });
  client.abort();
  left.acquire();
  EXPECT_EQ(writer_->write("x"), BodyWriter::Written::Closed);
}

TEST_F(ServerStream, AHandlerLearnsThatItsClientLeft) {
  {
    RawClient client(server_->port());
    client.send("GET /wait HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
    came_.acquire();
  }
  leftCount_.acquire();
}

/// Nobody can tell the two apart by what they send: the one who left answers with a reset.
TEST_F(ServerStream, AClientThatClosedItsSendingHalfStillWaits) {
  RawClient halfClosed(server_->port());
  halfClosed.send("GET /wait HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  came_.acquire();
  halfClosed.socket().shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(halfClosed.receive().status, 100) << "asked whether it is still there";
  onLoop([this] { respond_(textResponse(200, "still read")); });
  EXPECT_EQ(halfClosed.receive().body, "still read\n");
  EXPECT_FALSE(leftCount_.try_acquire());
  // Then it goes for good.
  RawClient gone(server_->port());
  gone.send("GET /wait HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  came_.acquire();
  gone.socket().shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(gone.receive().status, 100);
  gone.abort();
  leftCount_.acquire();
}

TEST_F(ServerStream, AStreamGoesOnToAClientThatClosedItsSendingHalf) {
  RawClient client(server_->port());
  client.get("/stream", host());
  client.socket().shutdown(tcp::socket::shutdown_send);
  for (const auto* text : {"one", "two", "three"}) writer_->write(text);
  writer_->end();
  EXPECT_TRUE(client.readToEnd());
  EXPECT_TRUE(client.pending().ends_with("0\r\n\r\n")) << client.pending();
  EXPECT_FALSE(writer_->closed().stop_requested());
}

TEST_F(ServerStream, AnAnswerFromAnotherThreadAndTheNextRequest) {
  RawClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /wait HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
    came_.acquire();
    const auto respond = onLoop([this] { return fromAnyThread(loop_, std::move(respond_)); });
    respond(textResponse(200, "done"));
    EXPECT_EQ(client.receive().body, "done\n");
  }
}

TEST_F(ServerStream, APipelinedRequestIsServedAfterTheFirst) {
  RawClient client(server_->port());
  const auto request = "GET /wait HTTP/1.1\r\nHost: " + host() + "\r\n\r\n";
  client.send(request);
  came_.acquire();
  client.send(request);
  onLoop([this] { respond_(textResponse(200, "one")); });
  EXPECT_EQ(client.receive().body, "one\n");
  came_.acquire();
  onLoop([this] { respond_(textResponse(200, "two")); });
  EXPECT_EQ(client.receive().body, "two\n");
}

}  // namespace
}  // namespace webpool::net

// What no client should send to `webpool serve`, and what many send at once: the answer has the
// form of the protocol and the right status, and others are served all the same. No browser is
// needed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "net/test_server.h"
#include "serve_harness.h"

namespace webpool::functional {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

class ServeHardening : public ServeTest {
 protected:
  void SetUp() override {
    running_ = startServe();
    port_ = waitForApi(*running_);
    ASSERT_NE(port_, 0) << running_->soFar().err;
  }

  void TearDown() override {
    expectStillServes();
    running_->signal(SIGTERM);
    EXPECT_EQ(running_->wait().code, 143);
    expectNothingLeft();
  }

  void expectStillServes() const {
    EXPECT_EQ(ask("GET", "/v2/health/live").status, 200);
    EXPECT_EQ(ask("GET", "/v1/models").status, 200);
  }

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

  net::ClientResponse raw(const std::string& bytes) const {
    net::RawClient client(port_);
    client.send(bytes);
    return client.receive();
  }

  net::ClientResponse ask(const std::string& method, const std::string& path,
                          const std::string& body = {}, const std::string& headers = {}) const {
    return raw(method + " " + path + " HTTP/1.1\r\nHost: " + host() + "\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
  }

  void expectOpenAi(const net::ClientResponse& answer, int status) const {
    EXPECT_EQ(answer.status, status) << answer.body;
    boost::system::error_code broken;
    const auto body = json::parse(answer.body, broken);
    ASSERT_FALSE(broken) << answer.body;
    EXPECT_TRUE(body.at("error").at("message").is_string()) << answer.body;
    EXPECT_TRUE(body.at("error").at("type").is_string()) << answer.body;
  }

  void expectPlain(const net::ClientResponse& answer, int status) const {
    EXPECT_EQ(answer.status, status) << answer.body;
    boost::system::error_code broken;
    const auto body = json::parse(answer.body, broken);
    ASSERT_FALSE(broken) << answer.body;
    EXPECT_TRUE(body.at("error").is_string()) << answer.body;
  }

  std::unique_ptr<Running> running_;
  std::uint16_t port_ = 0;
};

TEST_F(ServeHardening, MalformedJson) {
  const std::string deep(10'000, '[');
  for (const auto& body :
       {std::string("{"), std::string("nonsense"), std::string("\xff\xfe"), std::string("[]"),
        std::string(), std::string(R"({"model": 5})"), deep, R"({"model": )" + deep}) {
    for (const auto* path : {"/v1/embeddings", "/v1/chat/completions", "/v1/completions",
                             "/v1/audio/transcriptions"}) {
      expectOpenAi(ask("POST", path, body), 400);
    }
    expectPlain(ask("POST", "/v2/models/all-minilm-l6-v2/infer", body), 400);
    expectPlain(ask("POST", "/v2/models/smollm2-135m/generate", body), 400);
    expectPlain(ask("POST", "/embed", body), 422);
  }
  // Larger than what is read on the loop's thread.
  expectOpenAi(ask("POST", "/v1/embeddings", std::string(1 << 20, '{')), 400);
}

/// Given by the environment or the file alone, and shown by nobody.
TEST_F(ServeHardening, TheTokenIsASettingAndASecret) {
  environment_["WEBPOOL_API_TOKEN"] = "a-secret-of-the-test";
  const auto shown = run({"config"});
  EXPECT_THAT(shown.out, HasSubstr("WEBPOOL_API_TOKEN"));
  EXPECT_THAT(shown.out + run({"config", "--json"}).out,
              testing::Not(HasSubstr("a-secret-of-the-test")));
  const auto guarded = startServe({"--api-max-connections", "10"});
  const auto port = waitForApi(*guarded);
  ASSERT_NE(port, 0) << guarded->soFar().err;
  EXPECT_THAT(guarded->soFar().out, testing::Not(HasSubstr("a-secret-of-the-test")));
  net::RawClient client(port);
  const auto name = "127.0.0.1:" + std::to_string(port);
  expectOpenAi(client.get("/v1/models", name), 401);
  EXPECT_EQ(client.get("/v1/models", name, "Authorization: Bearer a-secret-of-the-test\r\n").status,
            200);
  guarded->signal(SIGTERM);
  EXPECT_EQ(guarded->wait().code, 143);
  const auto twice = run({"serve", "--api-token-file", write("token", "x")});
  EXPECT_EQ(twice.code, 2) << twice.err;
  EXPECT_THAT(twice.err, HasSubstr("a token is given"));
}

TEST_F(ServeHardening, WrongTensorSizes) {
  const auto infer = [this](const std::string& input, const std::string& binary = {},
                            const std::string& length = {}) {
    const auto header = R"({"inputs": [)" + input + "]}";
    const auto told = length.empty() ? std::to_string(header.size()) : length;
    return ask("POST", "/v2/models/all-minilm-l6-v2/infer", header + binary,
               binary.empty() && length.empty()
                   ? ""
                   : "Inference-Header-Content-Length: " + told + "\r\n");
  };
  constexpr auto kTyped = R"({"name": "x", "datatype": "FP32", "shape": [2], )";
  expectPlain(infer(std::string(kTyped) + R"("data": [1]})"), 400);
  expectPlain(infer(std::string(kTyped) + R"("data": [1, 2, 3]})"), 400);
  expectPlain(infer(std::string(kTyped) + R"("data": ["a", "b"]})"), 400);
  const auto binary = std::string(kTyped) + R"("parameters": {"binary_data_size": 8}})";
  expectPlain(infer(binary, "1234567"), 400);
  expectPlain(infer(binary, "123456789"), 400);
  expectPlain(infer(binary, "12345678", "99999"), 400);
  expectPlain(infer(binary, "12345678", "-1"), 400);
  expectPlain(infer(binary, "12345678", "18446744073709551616"), 400);
  const std::string huge = R"({"name": "x", "datatype": "FP32", "shape": )";
  expectPlain(infer(huge + R"([9223372036854775807, 9223372036854775807], "data": []})"), 400);
  expectPlain(infer(huge + R"([-1], "data": [1]})"), 400);
  const std::string text = R"({"name": "x", "datatype": "BYTES", "shape": [1], )";
  expectPlain(infer(text + R"("parameters": {"binary_data_size": 4}})", "\xff\xff\xff\xff"), 400);
}

TEST_F(ServeHardening, UnknownModelsPathsAndMethods) {
  expectOpenAi(ask("POST", "/v1/embeddings", R"({"model": "none", "input": "x"})"), 404);
  expectOpenAi(ask("POST", "/v1/completions", R"({"model": "none", "prompt": "x"})"), 404);
  expectOpenAi(ask("GET", "/v1/models/none"), 404);
  expectOpenAi(ask("GET", "/v1/models/%zz"), 404);
  expectOpenAi(ask("GET", "/v1/none"), 404);
  expectPlain(ask("POST", "/v2/models/none/infer", R"({"inputs": []})"), 404);
  expectPlain(ask("GET", "/v2/models/../../etc/passwd"), 404);
  expectPlain(ask("GET", "/none"), 404);
  const auto wrong = ask("GET", "/v1/embeddings");
  expectOpenAi(wrong, 405);
  EXPECT_EQ(wrong.field("Allow"), "POST");
  expectPlain(ask("DELETE", "/v2/models/x"), 405);
}

TEST_F(ServeHardening, HugeHeadersAndBodiesAndWhatIsNoHttp) {
  expectPlain(ask("GET", "/v2", "", "X: " + std::string(64 << 10, 'x') + "\r\n"), 431);
  expectOpenAi(ask("GET", "/v1/models", "", "X: " + std::string(64 << 10, 'x') + "\r\n"), 431);
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "A" + std::to_string(i) + ": x\r\n";
  expectPlain(ask("GET", "/v2", "", many), 431);
  const auto announced = "POST /v1/embeddings HTTP/1.1\r\nHost: " + host() +
                         "\r\nContent-Length: 1099511627776\r\n\r\n";
  expectOpenAi(raw(announced), 413);
  for (const auto* bytes : {"nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\r\n\r\n",
                            "GET / HTTP/1.1\r\nbad header\r\n\r\n"}) {
    expectPlain(raw(bytes), 400);
  }
  const auto twice = "POST /v1/embeddings HTTP/1.1\r\nHost: " + host() +
                     "\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx";
  EXPECT_EQ(raw(twice).status, 400) << "two lengths hide a request in another";
}

/// A header that comes byte by byte is told so after its time, while others are served.
TEST_F(ServeHardening, ASlowHeaderIsEnded) {
  net::RawClient slow(port_);
  slow.send("GET /v1/models HTTP/1.1\r\nHost: " + host() + "\r\nX: ");
  slow.socket().non_blocking(true);
  char byte = 0;
  boost::system::error_code error;
  do {
    slow.send("x");
    expectStillServes();
    usleep(100'000);
    slow.socket().receive(net::asio::buffer(&byte, 1), net::tcp::socket::message_peek, error);
  } while (error == net::asio::error::would_block);
  ASSERT_FALSE(error) << error.message();
  slow.socket().non_blocking(false);
  expectOpenAi(slow.receive(), 408);
}

/// What --api-max-body and the like say holds.
TEST_F(ServeHardening, ItsLimitsAreSettings) {
  environment_["WEBPOOL_API_HEAD_TIMEOUT"] = "0.3";
  const auto narrow = startServe({"--api-max-body", "1MiB", "--api-idle-timeout", "0.3",
                                  "--api-body-timeout", "0.3", "--shutdown-grace", "0"});
  const auto port = waitForApi(*narrow);
  ASSERT_NE(port, 0) << narrow->soFar().err;
  const auto to = "127.0.0.1:" + std::to_string(port);
  net::RawClient large(port);
  large.send("POST /v1/embeddings HTTP/1.1\r\nHost: " + to + "\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_EQ(large.receive().status, 413);
  net::RawClient head(port);
  head.send("GET /v1/mod");
  EXPECT_EQ(head.receive().status, 408);
  net::RawClient body(port);
  body.send("POST /v1/embeddings HTTP/1.1\r\nHost: " + to + "\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(body.receive().status, 408);
  net::RawClient idle(port);
  EXPECT_EQ(idle.get("/v2/health/live", to).status, 200);
  EXPECT_TRUE(idle.readToEnd());
  narrow->signal(SIGTERM);
  EXPECT_EQ(narrow->wait().code, 143);
  environment_.erase("WEBPOOL_API_HEAD_TIMEOUT");
  const auto wrong = run({"serve", "--api-idle-timeout", "0"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--api-idle-timeout"));
}

/// Whether bytes can be sent within a second.
bool takesMore(net::RawClient& client) {
  pollfd one{client.socket().native_handle(), POLLOUT, 0};
  return ::poll(&one, 1, 1000) > 0;
}

/// Requests are sent and none of their answers is read. How much the sockets of both sides hold is
/// the kernel's choice (some machines let one grow to 32 MiB); the server takes no more than that.
TEST_F(ServeHardening, AReaderThatStopsDisturbsNobody) {
  constexpr std::size_t kMoreThanSocketsHold = 256u << 20;
  net::RawClient stalled(port_);
  stalled.socket().non_blocking(true);
  const auto request = "GET /openapi.json HTTP/1.1\r\nHost: " + host() + "\r\n\r\n";
  std::string requests;
  while (requests.size() < (64u << 10)) requests += request;
  boost::system::error_code error;
  std::size_t sent = 0;
  while (!error && sent < kMoreThanSocketsHold) {
    // Goes on where the last request was cut.
    sent += stalled.socket().write_some(net::asio::buffer(requests) + sent % request.size(), error);
    if (error == net::asio::error::would_block && takesMore(stalled)) error.clear();
  }
  EXPECT_EQ(error, net::asio::error::would_block) << "the server takes no more than it answers";
  for (int i = 0; i < 20; ++i) expectStillServes();
}

/// The log of what was asked is more than a pipe holds, and nobody reads it.
TEST_F(ServeHardening, AnUnreadLogDisturbsNobody) {
  constexpr int kRequests = 2000;
  net::RawClient client(port_);
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.get("/v2/health/live?" + std::string(100, 'x'), host()).status, 200) << i;
  }
  running_->signal(SIGTERM);
  const auto out = running_->wait().out;
  std::size_t lines = 0;
  for (auto at = out.find(R"("event":"request")"); at != std::string::npos;
       at = out.find(R"("event":"request")", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, kRequests) << "the reader that goes on has them all";
  EXPECT_GT(out.size(), std::size_t{128} << 10) << "more than a pipe holds";
  SetUp();
}

/// Sockets of the test itself; closed with it.
class Sockets {
 public:
  ~Sockets() {
    for (const int fd : all_) ::close(fd);
  }
  bool open(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    all_.push_back(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  std::size_t size() const { return all_.size(); }

 private:
  std::vector<int> all_;
};

TEST_F(ServeHardening, TenThousandIdleConnections) {
  constexpr std::size_t kWanted = 10'000;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto most = std::min<std::size_t>(kWanted, limit.rlim_cur - 200);
  if (most < kWanted) {
    std::printf("%zu connections instead of %zu: `ulimit -Hn` is %zu\n", most, kWanted,
                std::size_t(limit.rlim_max));
  }
  const auto began = std::chrono::steady_clock::now();
  Sockets sockets;
  while (sockets.size() < most) {
    ASSERT_TRUE(sockets.open(port_)) << sockets.size() << ": " << std::strerror(errno);
    if (sockets.size() % 1000 == 0) expectStillServes();
  }
  expectStillServes();
  const auto files = "/proc/" + std::to_string(running_->pid()) + "/fd";
  const auto held = static_cast<std::size_t>(std::distance(
      std::filesystem::directory_iterator(files), std::filesystem::directory_iterator()));
  std::printf("%zu idle connections; the server has %zu files open\n", sockets.size(), held);
  // The first of them are ended after 10 s without a request.
  if (std::chrono::steady_clock::now() - began < std::chrono::seconds(8)) EXPECT_GE(held, most);
}

}  // namespace
}  // namespace webpool::functional

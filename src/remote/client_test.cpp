#include "remote/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "remote/message.h"

namespace webpool::remote {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

/// Answers as it is told, in pieces, without a socket.
class FakeHttp final : public base::HttpClient {
 public:
  Result<base::HttpResponse> request(const base::HttpRequest& request, std::stop_token) override {
    asked.push_back(request);
    if (error) return std::unexpected(*error);
    base::HttpResponse response{.status = status};
    if (!request.onBody || status != 200) {
      response.body = body;
      return response;
    }
    constexpr std::size_t kPiece = 5;
    for (std::size_t at = 0; at < body.size(); at += kPiece) {
      if (auto taken = request.onBody(response, body.substr(at, kPiece)); !taken) {
        return std::unexpected(taken.error());
      }
    }
    if (endsWith) return std::unexpected(*endsWith);
    return response;
  }

  int status = 200;
  std::string body;
  std::optional<Error> error;     ///< instead of an answer
  std::optional<Error> endsWith;  ///< behind the body
  std::vector<base::HttpRequest> asked;
};

class RemoteClient : public testing::Test {
 protected:
  Client client(std::string token = {}) const {
    return {*addressOf("http://127.0.0.1:8080/", std::move(token)), http_};
  }
  Error greeted(int status, std::string body) {
    http_->status = status;
    http_->body = std::move(body);
    const auto done = client().greet();
    return done ? Error{} : done.error();
  }
  Result<wire::Frame> run() const { return client().call({.action = "run"}); }

  std::shared_ptr<FakeHttp> http_ = std::make_shared<FakeHttp>();
};

TEST_F(RemoteClient, GreetsWithItsToken) {
  http_->body = R"({"name": "webpool", "version": "9.9", "protocol": 1})";
  EXPECT_TRUE(client("secret").greet());
  EXPECT_EQ(http_->asked.front().url, "http://127.0.0.1:8080/webpool/v1");
  EXPECT_EQ(base::headerOf(http_->asked.front().headers, "Authorization"), "Bearer secret");
}

TEST_F(RemoteClient, SaysWhatIsWrongWithTheServer) {
  EXPECT_EQ(greeted(200, "<html>").category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(greeted(200, R"({"name": "webpool"})").category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(greeted(404, "not found").category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(greeted(401, R"({"error": {}})").category, ErrorCategory::Unauthorized);
  const auto newer = greeted(200, R"({"name": "webpool", "protocol": 2})");
  EXPECT_EQ(newer.category, ErrorCategory::Unsupported);
  EXPECT_THAT(newer.message, HasSubstr("version 2"));
  EXPECT_EQ(
      greeted(503, R"({"error": {"category": "browser_failed", "message": "it ends"}})").category,
      ErrorCategory::BrowserFailed);
}

TEST_F(RemoteClient, SaysThatNobodyListens) {
  http_->error = Error{ErrorCategory::Fetch, "can't reach http://127.0.0.1:8080", ""};
  const auto done = client().greet();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().category, ErrorCategory::Fetch);
  EXPECT_THAT(done.error().hint, HasSubstr("webpool serve"));
}

TEST_F(RemoteClient, PartsComeBeforeTheAnswer) {
  http_->body = *pack({{"part", 1}}) + *pack({{"part", 2}}) + *pack({{"inference", "here"}});
  std::vector<std::int64_t> parts;
  const auto answer = client().call({.action = "run", .onPart = [&](const wire::Frame& frame) {
                                       parts.push_back(frame.header.at("part").as_int64());
                                     }});
  ASSERT_TRUE(answer);
  EXPECT_EQ(parts, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(answer->header.at("inference"), "here");
}

TEST_F(RemoteClient, AnErrorOfTheServerKeepsCategoryAndHint) {
  const std::string error =
      R"({"error": {"category": "out_of_memory", "message": "too large", "hint": "smaller"}})";
  http_->status = 503;
  http_->body = error;
  const auto before = run();
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().category, ErrorCategory::OutOfMemory);
  EXPECT_EQ(before.error().hint, "smaller");
  http_->status = 200;
  http_->body =
      *pack({{"part", 1}}) +
      *pack({{"error", {{"category", "worker_lost"}, {"message", "died"}, {"hint", ""}}}});
  const auto within = run();
  ASSERT_FALSE(within);
  EXPECT_EQ(within.error().category, ErrorCategory::WorkerLost);
  EXPECT_EQ(within.error().message, "died");
}

TEST_F(RemoteClient, AServerThatEndsUnderACallIsALostWorker) {
  http_->error = Error{ErrorCategory::Fetch, "hung up", ""};
  EXPECT_EQ(run().error().category, ErrorCategory::WorkerLost);
  http_->error.reset();
  http_->body = *pack({{"part", 1}});
  http_->endsWith = Error{ErrorCategory::Fetch, "hung up", ""};
  EXPECT_EQ(run().error().category, ErrorCategory::WorkerLost);
  http_->endsWith.reset();
  EXPECT_EQ(run().error().category, ErrorCategory::WorkerLost) << "the answer never came";
  http_->error = Error{ErrorCategory::Cancelled, "given up", ""};
  EXPECT_EQ(run().error().category, ErrorCategory::Cancelled);
}

TEST_F(RemoteClient, OnlyWhoGaveUpIsToldSo) {
  // What a server says that ends in good order under a call, before its answer and within it.
  const json::object cancelled{{"category", "cancelled"}, {"message", "it ends"}, {"hint", ""}};
  http_->status = 503;
  http_->body = json::serialize(json::object{{"error", cancelled}});
  const auto before = run();
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().category, ErrorCategory::WorkerLost);
  http_->status = 200;
  http_->body = *pack({{"part", 1}}) + *pack({{"error", cancelled}});
  const auto within = run();
  ASSERT_FALSE(within);
  EXPECT_EQ(within.error().category, ErrorCategory::WorkerLost);
  EXPECT_THAT(within.error().message, HasSubstr("http://127.0.0.1:8080"));
  EXPECT_FALSE(within.error().hint.empty());
  std::stop_source stop;
  stop.request_stop();
  const auto own = client().call({.action = "run", .stop = stop.get_token()});
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().category, ErrorCategory::Cancelled);
}

TEST_F(RemoteClient, AnAddressIsOne) {
  EXPECT_EQ(addressOf("https://[::1]:8443/", "t")->url, "https://[::1]:8443");
  for (const auto* text : {"127.0.0.1:8080", "ftp://x", "http://host/v1", "http://"}) {
    EXPECT_EQ(addressOf(text, "").error().category, ErrorCategory::InvalidArgument) << text;
  }
}

}  // namespace
}  // namespace webpool::remote

#include "net/response_head.h"

#include <gmock/gmock.h>

namespace webpool::net {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(ResponseHead, CarriesTheSecurityFields) {
  auto response = textResponse(200, "hello");
  const auto head = responseHead(response, {.ownHost = "localhost:80"});
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
  for (const auto* field :
       {"Cross-Origin-Opener-Policy: same-origin\r\n",
        "Cross-Origin-Embedder-Policy: require-corp\r\n",
        "Cross-Origin-Resource-Policy: same-origin\r\n", "X-Content-Type-Options: nosniff\r\n",
        "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-store\r\n", "Content-Length: 6\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n"}) {
    EXPECT_THAT(head, HasSubstr(field));
  }
  EXPECT_THAT(head, HasSubstr("connect-src 'self' ws://localhost:80 wss://localhost:80;"));
  EXPECT_THAT(head, Not(HasSubstr("Connection")));
}

TEST(ResponseHead, DataHasNoFieldsOfPages) {
  for (const auto* type : {"application/json", "text/event-stream"}) {
    Response response;
    response.headers.set("Content-Type", type);
    const auto head = responseHead(response, {.ownHost = "localhost:80"});
    for (const auto* field : {"Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy",
                              "Content-Security-Policy"}) {
      EXPECT_THAT(head, Not(HasSubstr(field))) << type;
    }
    // Pages elsewhere may neither show it as something else nor keep it.
    for (const auto* field :
         {"Cross-Origin-Resource-Policy: same-origin\r\n", "X-Content-Type-Options: nosniff\r\n",
          "Cache-Control: no-store\r\n"}) {
      EXPECT_THAT(head, HasSubstr(field)) << type;
    }
  }
}

TEST(ResponseHead, PolicyAllowsNoForeignCode) {
  const auto policy = contentSecurityPolicy("");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe-inline")));
  EXPECT_THAT(policy, Not(HasSubstr("'unsafe-eval'")));
  EXPECT_THAT(policy, Not(HasSubstr("*")));
  EXPECT_THAT(policy, Not(HasSubstr("ws://")));
}

TEST(ResponseHead, HandlersFieldsWin) {
  Response response;
  response.headers.set("cache-control", "max-age=9");
  response.headers.set("Content-Security-Policy", "default-src 'self'");
  response.headers.set("Referrer-Policy", "");
  response.headers.set("Content-Length", "99");
  response.headers.set("Connection", "upgrade");
  const auto head = responseHead(response, {.ownHost = "", .keepAlive = false});
  EXPECT_THAT(head, HasSubstr("cache-control: max-age=9\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("no-store")));
  EXPECT_THAT(head, Not(HasSubstr("default-src 'none'")));
  EXPECT_THAT(head, Not(HasSubstr("Referrer-Policy")));
  EXPECT_THAT(head, HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("upgrade")));
}

TEST(ResponseHead, NoLengthWhereThereIsNoBody) {
  for (const int status : {204, 304}) {
    Response response;
    response.status = status;
    EXPECT_THAT(responseHead(response, {.ownHost = ""}), Not(HasSubstr("Content-Length")));
  }
}

TEST(ResponseHead, FieldsCannotSplitTheResponse) {
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string, std::string>>{{"X", "a\r\nSet-Cookie: b"},
                                                                  {"X", "a\nb"},
                                                                  {"X\r\nY", "a"},
                                                                  {"", "a"},
                                                                  {"X Y", "a"},
                                                                  {"X", std::string("a\0b", 3)}}) {
    auto response = textResponse(200, "secret");
    response.headers.add(name, value);
    const auto head = responseHead(response, {.ownHost = ""});
    EXPECT_THAT(head, StartsWith("HTTP/1.1 500 "));
    EXPECT_THAT(head, Not(HasSubstr("Set-Cookie")));
    EXPECT_THAT(std::get<std::string>(response.body), Not(HasSubstr("secret")));
  }
}

TEST(BodySize, OfEachKind) {
  static constexpr std::byte kBytes[3]{};
  Response response;
  response.body = std::string("ab");
  EXPECT_EQ(bodySize(response), 2u);
  response.body = StaticBody(kBytes);
  EXPECT_EQ(bodySize(response), 3u);
  response.body = FileRegion{nullptr, 7, 1ull << 40};
  EXPECT_EQ(bodySize(response), 1ull << 40);
}

}  // namespace
}  // namespace webpool::net

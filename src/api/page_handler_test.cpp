#include "api/page_handler.h"

#include <gtest/gtest.h>

#include <array>

namespace webpool::api {
namespace {

constexpr std::array<std::byte, 3> kWhole{};
constexpr std::array<std::byte, 2> kCompressed{};
constexpr std::array<net::EmbeddedFile, 3> kTable{{
    {"worker/assets/a.wasm", kWhole, "application/wasm", "11"},
    {"worker/assets/a.wasm.br", kCompressed, "application/octet-stream", "22"},
    {"worker/index.html", kWhole, "text/html", "33"},
}};

class PageHandler : public testing::Test {
 protected:
  net::Response ask(PageReaders readers, const std::string& path, const std::string& codings,
                    const std::string& known = "") {
    net::Request request;
    request.method = "GET";
    request.path = path;
    if (!codings.empty()) request.headers.set("Accept-Encoding", codings);
    if (!known.empty()) request.headers.set("If-None-Match", known);
    net::Response answer;
    pageHandler(files_, readers)(request, [&](net::Response given) { answer = std::move(given); });
    return answer;
  }

  static std::size_t sizeOf(const net::Response& response) {
    return std::get<net::StaticBody>(response.body).size();
  }

  const net::EmbeddedFiles files_{kTable};
};

constexpr auto kAsset = "/worker/assets/a.wasm";

TEST_F(PageHandler, SendsWhatIsCompressedToThoseWhoTakeIt) {
  for (const auto* codings : {"br", "gzip, deflate, br, zstd", "gzip;q=0.5, BR;q=0.1"}) {
    const auto answer = ask(PageReaders::Anywhere, kAsset, codings);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.get("Content-Encoding"), "br") << codings;
    EXPECT_EQ(answer.headers.get("Content-Type"), "application/wasm");
    EXPECT_EQ(answer.headers.get("Vary"), "Accept-Encoding");
    EXPECT_EQ(answer.headers.get("ETag"), "\"22\"");
    EXPECT_TRUE(answer.headers.get("Cache-Control").contains("immutable"));
    EXPECT_EQ(sizeOf(answer), kCompressed.size());
  }
  EXPECT_EQ(ask(PageReaders::Anywhere, kAsset, "br", "\"22\"").status, 304);
  EXPECT_EQ(ask(PageReaders::Anywhere, kAsset, "br", "\"11\"").status, 200);
}

TEST_F(PageHandler, SendsTheFileItselfToAllOthers) {
  for (const auto* codings : {"", "gzip, deflate", "br;q=0", "brotli"}) {
    const auto answer = ask(PageReaders::Anywhere, kAsset, codings);
    EXPECT_FALSE(answer.headers.has("Content-Encoding")) << codings;
    EXPECT_EQ(answer.headers.get("Vary"), "Accept-Encoding") << "a cache must know";
    EXPECT_EQ(sizeOf(answer), kWhole.size());
  }
  const auto near = ask(PageReaders::OnThisMachine, kAsset, "br");
  EXPECT_FALSE(near.headers.has("Content-Encoding"));
  EXPECT_EQ(sizeOf(near), kWhole.size());
  const auto page = ask(PageReaders::Anywhere, "/worker/", "br");
  EXPECT_FALSE(page.headers.has("Content-Encoding")) << "there is no other form of it";
  EXPECT_FALSE(page.headers.has("Vary"));
}

TEST_F(PageHandler, KnowsNoOtherPath) {
  EXPECT_EQ(ask(PageReaders::Anywhere, "/worker/assets/a.wasm.br", "br").status, 404);
  EXPECT_EQ(ask(PageReaders::Anywhere, "/worker/none.js", "").status, 404);
}

}  // namespace
}  // namespace webpool::api

#include "api/gateway/ask.h"

#include <gtest/gtest.h>

#include "api/gateway/testing/memory_source.h"

namespace webpool::api::gateway {
namespace {

using testing::request;
constexpr std::string_view kHello =
    "/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

Result<Ask> ask(const std::string& query, const std::string& accept = "") {
  return readAsk(request(std::string(kHello), query, {{"Accept", accept}}));
}

ErrorCategory refusal(const std::string& query, const std::string& accept = "") {
  const auto read = ask(query, accept);
  return read ? ErrorCategory::Internal : read.error().category;
}

TEST(GatewayAsk, PathsAreDecodedOnce) {
  const auto read = [](const std::string& path) {
    return readAsk(request(std::string(kHello) + path)).value();
  };
  EXPECT_EQ(read("").path, "");
  EXPECT_FALSE(read("").folderPath);
  EXPECT_TRUE(read("/").folderPath);
  EXPECT_EQ(read("/a/b").path, "a/b");
  EXPECT_EQ(read("//a/b//").path, "a/b");
  EXPECT_TRUE(read("/a/").folderPath);
  EXPECT_EQ(read("/Portugal%252C+Espa%C3%B1a").path, "Portugal%2C+España");
  EXPECT_FALSE(readAsk(request(std::string(kHello) + "/%2")));
  EXPECT_FALSE(readAsk(request("/ipfs/")));
  EXPECT_FALSE(readAsk(request("/ipfs/nonsense")));
  EXPECT_FALSE(readAsk(request("/other/x")));
}

TEST(GatewayAsk, TheQuerysFormatBeatsTheAcceptField) {
  constexpr auto kRaw = "application/vnd.ipld.raw";
  constexpr auto kCar = "application/vnd.ipld.car";
  EXPECT_EQ(ask("")->format, Format::Page);
  EXPECT_EQ(ask("", "*/*")->format, Format::Page);
  EXPECT_EQ(ask("format=raw")->format, Format::Raw);
  EXPECT_EQ(ask("", kRaw)->format, Format::Raw);
  EXPECT_EQ(ask("format=raw", kCar)->format, Format::Raw);
  EXPECT_EQ(ask("a=b&format=car", kRaw)->format, Format::Car);
  EXPECT_EQ(ask("", "application/json")->format, Format::Json);
  EXPECT_EQ(ask("format=dag-cbor")->format, Format::DagCbor);
  EXPECT_EQ(ask("format=cbor")->format, Format::Cbor);
  EXPECT_EQ(ask("", "application/vnd.ipld.dag-json")->format, Format::DagJson);
  // What a browser sends.
  EXPECT_EQ(ask("", "text/html,application/xhtml+xml,*/*;q=0.8")->format, Format::Page);
  EXPECT_TRUE(ask("", "text/html,application/xhtml+xml,*/*;q=0.8")->html);
  EXPECT_EQ(ask("", "application/json;q=0.1, application/vnd.ipld.raw;q=0.5")->format, Format::Raw);
  EXPECT_EQ(ask("", "application/vnd.ipld.raw;q=0")->format, Format::Page);
  EXPECT_FALSE(ask("format=raw", "text/html")->html);
  EXPECT_EQ(refusal("format=tar"), ErrorCategory::Unsupported);
  EXPECT_EQ(refusal("format=ipns-record"), ErrorCategory::Unsupported);
  EXPECT_EQ(refusal("", "application/x-tar"), ErrorCategory::Unsupported);
}

TEST(GatewayAsk, CarParameters) {
  EXPECT_EQ(ask("format=car")->car.scope, cid::DagScope::All);
  EXPECT_FALSE(ask("format=car")->car.duplicates);
  EXPECT_EQ(ask("format=car&dag-scope=block")->car.scope, cid::DagScope::Block);
  EXPECT_EQ(ask("format=car&dag-scope=entity")->car.scope, cid::DagScope::Entity);
  EXPECT_EQ(ask("format=car&dag-scope=all")->car.scope, cid::DagScope::All);
  EXPECT_EQ(ask("format=car&entity-bytes=0:5")->car.scope, cid::DagScope::Entity);
  EXPECT_TRUE(ask("", "application/vnd.ipld.car; version=1; order=dfs; dups=y")->car.duplicates);
  EXPECT_TRUE(ask("format=car", "application/vnd.ipld.car; dups=\"y\"")->car.duplicates);
  EXPECT_TRUE(ask("format=car&car-dups=y", "application/vnd.ipld.car; dups=n")->car.duplicates);
  EXPECT_FALSE(ask("format=car&car-dups=n", "application/vnd.ipld.car; dups=y")->car.duplicates);
  EXPECT_TRUE(ask("format=car&car-order=dfs", "application/vnd.ipld.car; order=other"));
  EXPECT_TRUE(ask("", "application/vnd.ipld.car; order=unk"));
  for (const auto* query : {"dag-scope=some", "entity-bytes=5", "entity-bytes=a:b", "car-order=bfs",
                            "car-dups=maybe", "car-version=2", "entity-bytes=9:5"}) {
    EXPECT_EQ(refusal(std::string("format=car&") + query), ErrorCategory::InvalidArgument) << query;
  }
}

TEST(GatewayAsk, EntityBytes) {
  const auto read = [](std::string_view text) { return readEntityBytes(text); };
  EXPECT_EQ(read("0:*")->from, 0);
  EXPECT_FALSE(read("0:*")->to);
  EXPECT_EQ(read("-9999:-3")->from, -9999);
  EXPECT_EQ(read("-9999:-3")->to, -3);
  EXPECT_EQ(read("512:-256")->to, -256);
  for (const auto* text : {"", ":", "*:5", "1", "1:", "a:1", "1:b", "3:2", "-2:-3", "1:2:3", " 1:2",
                           "99999999999999999999:*"}) {
    EXPECT_FALSE(read(text)) << text;
  }
}

TEST(GatewayAsk, QueryValues) {
  EXPECT_EQ(queryValue("a=1&b=%C3%9F+x&c", "b"), "ß x");
  EXPECT_EQ(queryValue("a=1&b=2", "a"), "1");
  EXPECT_EQ(queryValue("a=1&c", "c"), "");
  EXPECT_EQ(queryValue("xa=1", "a"), std::nullopt);
  EXPECT_EQ(queryValue("a=%2", "a"), std::nullopt);
}

}  // namespace
}  // namespace webpool::api::gateway

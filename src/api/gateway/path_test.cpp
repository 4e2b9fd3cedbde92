// Files, folders and values by path, and single blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gateway/testing/memory_source.h"
#include "cid/ipld.h"

namespace webpool::api::gateway {
namespace {

using ::testing::HasSubstr;
using testing::MemorySource;
using testing::readBody;
using testing::request;
using Fields = std::vector<std::pair<std::string, std::string>>;

class GatewayPathTest : public ::testing::Test {
 protected:
  Answer ask(const std::string& path, const std::string& query = "", Fields fields = {},
             const std::string& method = "GET") {
    return answer(source_, request(path, query, std::move(fields), method));
  }

  int status(const std::string& path, const std::string& query = "", Fields fields = {}) {
    return ask(path, query, std::move(fields)).response.status;
  }

  static std::string header(const Answer& answer, std::string_view name) {
    return std::string(answer.response.headers.get(name));
  }

  std::string at(const cid::Cid& cid, const std::string& rest = "") {
    return "/ipfs/" + cid.text() + rest;
  }

  MemorySource source_;
  cid::Link hello_ = source_.file("hello.txt", "hello world");
  cid::Link chunked_ = source_.file("chunked.bin", std::vector<std::string>{"0123", "4567", "89"});
  cid::Link inner_ = source_.folder("sub", {hello_, chunked_});
  cid::Cid root_ = source_.folder("", {inner_}).cid;
  cid::Cid missing_ = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span("never put", 9)));
};

TEST_F(GatewayPathTest, AFileByItsPath) {
  auto got = ask(at(root_, "/sub/hello.txt"));
  EXPECT_EQ(got.response.status, 200);
  EXPECT_EQ(readBody(got).value(), "hello world");
  EXPECT_EQ(header(got, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(header(got, "Cache-Control"), "public, max-age=29030400, immutable");
  EXPECT_EQ(header(got, "ETag"), "\"" + hello_.cid.text() + "\"");
  EXPECT_EQ(header(got, "X-Ipfs-Path"), at(root_, "/sub/hello.txt"));
  EXPECT_EQ(header(got, "X-Ipfs-Roots"),
            root_.text() + "," + inner_.cid.text() + "," + hello_.cid.text());
  EXPECT_EQ(header(got, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(got, "Accept-Ranges"), "bytes");
  // What strangers put into a file runs nothing in this origin.
  EXPECT_EQ(header(got, "Content-Security-Policy"), "sandbox");
}

TEST_F(GatewayPathTest, AFileInSeveralBlocksIsReadBitByBit) {
  auto got = ask(at(chunked_.cid));
  EXPECT_EQ(got.bodySize, 10u);
  EXPECT_EQ(readBody(got).value(), "0123456789");
  auto part = ask(at(chunked_.cid), "", {{"Range", "bytes=3-8"}});
  EXPECT_EQ(part.response.status, 206);
  EXPECT_EQ(part.bodySize, 6u);
  EXPECT_EQ(header(part, "Content-Range"), "bytes 3-8/10");
  EXPECT_EQ(readBody(part).value(), "345678");
  EXPECT_EQ(status(at(chunked_.cid), "", {{"Range", "bytes=10-"}}), 416);
  // A block outside the range may be missing; one inside ends the body too early.
  source_.remove(source_.put(cid::Codec::Raw, "0123"));
  auto tail = ask(at(chunked_.cid), "", {{"Range", "bytes=-2"}});
  EXPECT_EQ(readBody(tail).value(), "89");
  auto whole = ask(at(chunked_.cid));
  EXPECT_EQ(readBody(whole).error().category, ErrorCategory::NotFound);
}

TEST_F(GatewayPathTest, OneRangeAndTheFirstOfSeveral) {
  auto part = ask(at(hello_.cid), "", {{"Range", "bytes=6-"}});
  EXPECT_EQ(part.response.status, 206);
  EXPECT_EQ(readBody(part).value(), "world");
  auto first = ask(at(hello_.cid), "", {{"Range", "bytes=0-1,6-7"}});
  EXPECT_EQ(header(first, "Content-Range"), "bytes 0-1/11");
  EXPECT_EQ(readBody(first).value(), "he");
  const auto none = ask(at(hello_.cid), "", {{"Range", "bytes=11-"}});
  EXPECT_EQ(none.response.status, 416);
  EXPECT_EQ(header(none, "Content-Range"), "bytes */11");
}

TEST_F(GatewayPathTest, WhatTheClientHasIsNotSent) {
  const auto etag = "\"" + hello_.cid.text() + "\"";
  for (const auto& field : {etag, "W/" + etag, "\"a\", \"b\", " + etag, std::string("*")}) {
    const auto got = ask(at(root_, "/sub/hello.txt"), "", {{"If-None-Match", field}});
    EXPECT_EQ(got.response.status, 304) << field;
    EXPECT_EQ(header(got, "ETag"), etag);
    EXPECT_FALSE(got.body);
  }
  EXPECT_EQ(status(at(hello_.cid), "", {{"If-None-Match", "\"other\""}}), 200);
  EXPECT_EQ(status(at(chunked_.cid), "", {{"If-None-Match", "*"}}), 304);
  // '*' is no way to learn of what is not there.
  EXPECT_EQ(status(at(missing_), "", {{"If-None-Match", "*"}}), 404);
}

TEST_F(GatewayPathTest, WhatIsMissingIs404AndCachedOnly412) {
  EXPECT_EQ(status(at(missing_)), 404);
  EXPECT_EQ(status(at(root_, "/none")), 404);
  EXPECT_EQ(status(at(root_, "/../x")), 404);
  for (const auto* query : {"", "format=raw", "format=car", "format=dag-json"}) {
    const auto method = std::string(query) == "format=raw" ? "HEAD" : "GET";
    const auto cid = std::string(query) == "format=dag-json"
                         ? cid::Cid(cid::Codec::DagJson, missing_.hash())
                         : missing_;
    EXPECT_EQ(ask(at(cid), query, {}, method).response.status, 404) << query;
    EXPECT_EQ(ask(at(cid), query, {{"Cache-Control", "only-if-cached"}}, method).response.status,
              412)
        << query;
  }
  EXPECT_EQ(status(at(hello_.cid), "", {{"Cache-Control", "only-if-cached"}}), 200);
  // A name that a folder has not is missing for good.
  EXPECT_EQ(status(at(root_, "/none"), "", {{"Cache-Control", "only-if-cached"}}), 404);
  source_.remove(inner_.cid);
  EXPECT_EQ(status(at(root_, "/sub/hello.txt"), "", {{"Cache-Control", "only-if-cached"}}), 412);
}

TEST_F(GatewayPathTest, RawBlocks) {
  auto got = ask(at(root_, "/sub"), "format=raw");
  EXPECT_EQ(got.response.status, 200);
  EXPECT_EQ(header(got, "Content-Type"), "application/vnd.ipld.raw");
  EXPECT_EQ(header(got, "Content-Disposition"),
            "attachment; filename=\"" + inner_.cid.text() + ".bin\"");
  EXPECT_EQ(header(got, "ETag"), "\"" + inner_.cid.text() + ".raw\"");
  EXPECT_EQ(header(got, "Cache-Control"), "public, max-age=29030400, immutable");
  const auto block = readBody(got).value();
  EXPECT_TRUE(inner_.cid.matches(std::as_bytes(std::span(block))));
  auto part =
      ask(at(inner_.cid), "", {{"Accept", "application/vnd.ipld.raw"}, {"Range", "bytes=2-4"}});
  EXPECT_EQ(part.response.status, 206);
  EXPECT_EQ(readBody(part).value(), block.substr(2, 3));
  const auto named = ask(at(inner_.cid), "format=raw&filename=foo%22bar.bin");
  EXPECT_THAT(header(named, "Content-Disposition"), HasSubstr("filename=\"foo_bar.bin\""));
}

TEST_F(GatewayPathTest, TheProbeIsAnsweredInEveryFormat) {
  for (const auto* method : {"GET", "HEAD"}) {
    for (const auto* query : {"", "format=raw", "format=car"}) {
      const auto got = ask("/ipfs/bafkqaaa", query, {}, method);
      EXPECT_EQ(got.response.status, 200) << method << query;
    }
  }
  auto raw = ask("/ipfs/bafkqaaa", "format=raw");
  EXPECT_EQ(readBody(raw).value(), "");
  auto hello = ask("/ipfs/bafkqabtimvwgy3yk");
  EXPECT_EQ(readBody(hello).value(), "hello\n");
}

TEST_F(GatewayPathTest, FoldersAreListedUnderAnAddressWithASlash) {
  const auto moved = ask(at(root_, "/sub"), "a=b");
  EXPECT_EQ(moved.response.status, 301);
  EXPECT_EQ(header(moved, "Location"), at(root_, "/sub/?a=b"));
  auto listed = ask(at(root_, "/sub/"));
  EXPECT_EQ(listed.response.status, 200);
  EXPECT_EQ(header(listed, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(header(listed, "ETag"), HasSubstr("\"DirIndex-"));
  EXPECT_THAT(header(listed, "ETag"), HasSubstr("_CID-" + inner_.cid.text() + "\""));
  EXPECT_EQ(header(listed, "Cache-Control"),
            "public, max-age=604800, stale-while-revalidate=2678400");
  EXPECT_THAT(header(listed, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(readBody(listed).value(), HasSubstr(">hello.txt</a>"));
  EXPECT_EQ(status(at(root_, "/sub/"), "", {{"If-None-Match", header(listed, "ETag")}}), 304);
  EXPECT_EQ(status(at(root_, "/sub/"), "format=json"), 406);
}

TEST_F(GatewayPathTest, AnIndexStandsForItsFolder) {
  const auto site = source_.folder("", {source_.file("index.html", "<html>hi"), hello_});
  auto got = ask(at(site.cid, "/"));
  EXPECT_EQ(readBody(got).value(), "<html>hi");
  EXPECT_THAT(header(got, "Content-Type"), HasSubstr("text/html"));
  EXPECT_EQ(header(got, "ETag"), "\"" + site.cid.text() + "\"");
  EXPECT_EQ(header(got, "Cache-Control"), "public, max-age=29030400, immutable");
  EXPECT_EQ(header(got, "Content-Security-Policy"), "sandbox");
}

TEST_F(GatewayPathTest, ShardedFoldersAreFolders) {
  std::vector<cid::Link> entries;
  for (int i = 0; i < 500; ++i)
    entries.push_back(source_.file(std::to_string(i), std::to_string(i)));
  const auto folder = source_.folder("", entries, 0);
  auto one = ask(at(folder.cid, "/123"));
  EXPECT_EQ(readBody(one).value(), "123");
  auto listed = ask(at(folder.cid, "/"));
  EXPECT_THAT(readBody(listed).value(), HasSubstr(">499</a>"));
}

TEST_F(GatewayPathTest, SymbolicLinksAreTheirTarget) {
  cid::UnixFsData data{
      .type = cid::UnixFsType::Symlink, .data = "foo", .fileSize = {}, .blockSizes = {}};
  const auto link = source_.put(cid::Codec::DagPb, cid::encodeNode({{}, cid::encodeUnixFs(data)}));
  auto got = ask(at(link));
  EXPECT_EQ(got.response.status, 200);
  EXPECT_EQ(readBody(got).value(), "foo");
  EXPECT_EQ(header(got, "Content-Type"), "inode/symlink");
}

TEST_F(GatewayPathTest, ValuesAreSentAsTheyAre) {
  const cid::Ipld value{cid::IpldMap{{"a", {std::int64_t{1}}}, {"link", {hello_.cid}}}};
  struct Case {
    cid::Codec codec;
    std::string block, native, plain, nativeName, plainName, disposition;
  };
  const Case cases[] = {
      {cid::Codec::DagJson, cid::encodeDagJson(value), "application/vnd.ipld.dag-json",
       "application/json", "dag-json", "json", "inline"},
      {cid::Codec::DagCbor, cid::encodeDagCbor(value), "application/vnd.ipld.dag-cbor",
       "application/cbor", "dag-cbor", "cbor", "attachment"}};
  for (const auto& one : cases) {
    const auto cid = source_.put(one.codec, one.block);
    for (const auto& [query, accept, type, tag] :
         {std::tuple(std::string(), std::string(), one.native, one.nativeName),
          std::tuple("format=" + one.nativeName, std::string(), one.native, one.nativeName),
          std::tuple("format=" + one.plainName, std::string(), one.plain, one.plainName),
          std::tuple(std::string(), one.plain, one.plain, one.plainName)}) {
      auto got = ask(at(cid), query, {{"Accept", accept}});
      EXPECT_EQ(got.response.status, 200) << query;
      EXPECT_EQ(header(got, "Content-Type"), type);
      EXPECT_EQ(header(got, "ETag"), "\"" + cid.text() + "." + tag + "\"");
      EXPECT_EQ(header(got, "Content-Disposition"),
                one.disposition + "; filename=\"" + cid.text() + "." + one.plainName + "\"");
      EXPECT_EQ(readBody(got).value(), one.block);
    }
    const auto saved = ask(at(cid), "download=true&filename=x.y");
    EXPECT_EQ(header(saved, "Content-Disposition"), "attachment; filename=\"x.y\"");
    auto page = ask(at(cid), "", {{"Accept", "text/html"}});
    EXPECT_THAT(header(page, "ETag"), HasSubstr("DagIndex-"));
    EXPECT_THAT(readBody(page).value(), HasSubstr("</html>"));
    EXPECT_FALSE(page.response.headers.has("Content-Disposition"));
    auto through = ask(at(cid, "/link"));
    EXPECT_EQ(readBody(through).value(), "hello world");
    EXPECT_EQ(status(at(cid, "/a")), 501);
    EXPECT_EQ(status(at(cid, "/none")), 404);
  }
}

TEST_F(GatewayPathTest, NoCodecIsMadeIntoAnother) {
  const auto json = source_.put(cid::Codec::DagJson, "{}");
  const auto cbor = source_.put(cid::Codec::DagCbor, "\xa0");
  const auto plainJson = source_.put(cid::Codec::Json, "{ }");
  const auto plainCbor = source_.put(cid::Codec::Cbor, "\xa0");
  for (const auto& [cid, format] :
       {std::pair(hello_.cid, "dag-json"), std::pair(chunked_.cid, "dag-cbor"),
        std::pair(json, "dag-cbor"), std::pair(json, "cbor"), std::pair(cbor, "dag-json"),
        std::pair(cbor, "json"), std::pair(plainJson, "dag-json"), std::pair(plainCbor, "json")}) {
    EXPECT_EQ(status(at(cid), std::string("format=") + format), 406) << format;
  }
  EXPECT_EQ(status(at(hello_.cid), "format=tar"), 406);
  auto plain = ask(at(plainJson), "format=json");
  EXPECT_EQ(readBody(plain).value(), "{ }");
  // JSON in a file is a file.
  const auto file = source_.file("", "{\"a\":1}");
  auto got = ask(at(file.cid), "format=json", {{"Accept", "application/vnd.ipld.raw"}});
  EXPECT_EQ(header(got, "Content-Type"), "application/json");
  EXPECT_EQ(readBody(got).value(), "{\"a\":1}");
}

TEST_F(GatewayPathTest, EveryOriginMayRead) {
  for (const auto& got :
       {ask(at(hello_.cid)).response, ask(at(missing_)).response,
        ask(at(hello_.cid), "", {}, "OPTIONS").response, ask("/ipfs/nonsense").response}) {
    EXPECT_EQ(got.headers.get("Access-Control-Allow-Origin"), "*");
    EXPECT_THAT(std::string(got.headers.get("Access-Control-Allow-Methods")), HasSubstr("OPTIONS"));
    EXPECT_THAT(std::string(got.headers.get("Access-Control-Expose-Headers")),
                HasSubstr("X-Ipfs-Roots"));
  }
}

TEST_F(GatewayPathTest, BadContentIsToldApart) {
  EXPECT_EQ(status("/ipfs/nonsense"), 400);
  EXPECT_EQ(status(at(hello_.cid, "/%2")), 400);
  const auto broken = source_.put(cid::Codec::DagPb, "\x0a\x02\x08");
  EXPECT_EQ(status(at(broken)), 422);
  const auto foreign = source_.put(cid::Codec::DagPb, cid::encodeNode({{hello_}, "\xff"}));
  const cid::UnixFsData more{.type = cid::UnixFsType::File,
                             .data = {},
                             .fileSize = hello_.size.value() + 1,
                             .blockSizes = {hello_.size.value() + 1}};
  const auto lying =
      source_.put(cid::Codec::DagPb, cid::encodeNode({{hello_}, cid::encodeUnixFs(more)}));
  EXPECT_EQ(status(at(lying)), 422);
  EXPECT_EQ(status(at(foreign)), 406);
  EXPECT_EQ(status(at(foreign, "/hello.txt")), 200);
}

}  // namespace
}  // namespace webpool::api::gateway

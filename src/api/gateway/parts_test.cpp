// The pure parts: Accept, If-None-Match, Content-Disposition, types of files, pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gateway/accept.h"
#include "api/gateway/conditions.h"
#include "api/gateway/content_type.h"
#include "api/gateway/pages.h"

namespace webpool::api::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> typesOf(std::string_view header) {
  std::vector<std::string> types;
  for (const auto& type : acceptedTypes(header)) types.push_back(type.type);
  return types;
}

TEST(GatewayAccept, ByQualityThenByOrder) {
  using Types = std::vector<std::string>;
  EXPECT_EQ(typesOf("a/b, c/d;q=0.5 ,e/f;q=0.9"), (Types{"a/b", "e/f", "c/d"}));
  EXPECT_EQ(typesOf("A/B;q=0, c/d;q=1.0"), Types{"c/d"});
  EXPECT_EQ(typesOf("a/b;q=nonsense, ,;"), Types{});
  EXPECT_EQ(typesOf(""), Types{});
  const auto car = acceptedTypes("application/vnd.ipld.car; Version=1;order=dfs; dups=\"y\"");
  EXPECT_EQ(car[0].parameters.at("version"), "1");
  EXPECT_EQ(car[0].parameters.at("dups"), "y");
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "a/b,";
  EXPECT_EQ(typesOf(many).size(), 64u);
}

TEST(GatewayConditions, IfNoneMatch) {
  EXPECT_TRUE(namesTag("\"a\"", "\"a\""));
  EXPECT_TRUE(namesTag("W/\"a\"", "\"a\""));
  EXPECT_TRUE(namesTag("\"x\", \"y,z\",W/\"a\"", "\"a\""));
  EXPECT_TRUE(namesTag("\"a\"", "W/\"a\""));
  EXPECT_TRUE(namesTag("*", "\"a\""));
  EXPECT_FALSE(namesTag("", "\"a\""));
  EXPECT_FALSE(namesTag("\"ab\"", "\"a\""));
  EXPECT_FALSE(namesTag("a", "\"a\""));
  EXPECT_FALSE(namesTag("\"a", "\"a\""));
}

TEST(GatewayConditions, DispositionsHoldAnyName) {
  EXPECT_EQ(dispositionOf(true, "a.bin"), "attachment; filename=\"a.bin\"");
  EXPECT_EQ(dispositionOf(false, ""), "inline");
  EXPECT_EQ(dispositionOf(true, "ß\"\r\n.bin"),
            "attachment; filename=\"_____.bin\"; filename*=UTF-8''%C3%9F%22%0D%0A.bin");
}

TEST(GatewayContentType, ByNameThenByBytes) {
  EXPECT_EQ(contentTypeOf("a.txt", "{}", 2), "text/plain; charset=utf-8");
  EXPECT_EQ(contentTypeOf("a.JSON", "", 0), contentTypeOf("b.json", "x", 1));
  EXPECT_EQ(contentTypeOf("", "{\"a\":1}\n", 8), "application/json");
  EXPECT_EQ(contentTypeOf("", "{\"a\":1", 6), "text/plain; charset=utf-8");
  EXPECT_EQ(contentTypeOf("", "  <!DOCTYPE html><p>", 20), "text/html; charset=utf-8");
  EXPECT_EQ(contentTypeOf("", "ß", 2), "text/plain; charset=utf-8");
  EXPECT_EQ(contentTypeOf("", "cut \xc3", 100), "text/plain; charset=utf-8");
  EXPECT_EQ(contentTypeOf("", "\xff\xfe", 2), "application/octet-stream");
  EXPECT_EQ(contentTypeOf("", std::string_view("a\0b", 3), 3), "application/octet-stream");
  EXPECT_EQ(contentTypeOf("none", "\x89PNG\r\n\x1a\n", 8), "image/png");
}

std::string folderPage(const cid::Cid& root, std::string_view path,
                       const std::vector<cid::Link>& entries) {
  const FolderPageText text(root, path, root);
  auto page = text.head();
  for (const auto& entry : entries) page += text.row(entry);
  return page + FolderPageText::end({});
}

TEST(GatewayPages, NamesRunNothing) {
  const auto cid = cid::Cid();
  const std::string evil = "\"><script>'&\xff";
  const auto page = folderPage(cid, "a/" + evil, {{cid, evil, 5}, {cid, "b", std::nullopt}});
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, HasSubstr("%22%3E%3Cscript%3E%27%26%FF"));
  EXPECT_THAT(page, HasSubstr("&#34;&gt;&lt;script&gt;&#39;&amp;"));
  EXPECT_THAT(valuePage(cid, "<script>"), Not(HasSubstr("<script>")));
}

TEST(GatewayPages, AFoldersLinks) {
  const auto cid = cid::Cid::parse("bafkqaaa").value();
  const auto page = folderPage(cid, "ą", {{cid, "ź.txt", 2048}});
  EXPECT_THAT(page, HasSubstr("Index of"));
  EXPECT_THAT(page, HasSubstr("/ipfs/<a href=\"/ipfs/bafkqaaa\">bafkqaaa</a>/"
                              "<a href=\"/ipfs/bafkqaaa/%C4%85\">ą</a>"));
  EXPECT_THAT(page, HasSubstr("<a href=\"/ipfs/bafkqaaa/%C4%85/..\">..</a>"));
  EXPECT_THAT(page, HasSubstr("<a href=\"/ipfs/bafkqaaa/%C4%85/%C5%BA.txt\">ź.txt</a>"));
  EXPECT_THAT(page, HasSubstr("2.0 KiB"));
  EXPECT_THAT(folderPage(cid, "", {}), Not(HasSubstr("..</a>")));
  EXPECT_THAT(FolderPageText::end({}), Not(HasSubstr("there are more")));
  EXPECT_THAT(FolderPageText::end(123), HasSubstr("first 123 entries"));
}

}  // namespace
}  // namespace webpool::api::gateway

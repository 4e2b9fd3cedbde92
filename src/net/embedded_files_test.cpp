#include "net/embedded_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "embedded/test_page.h"

namespace webpool::net {
namespace {

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(EmbeddedFiles, HoldTheFoldersBytes) {
  const auto files = test_page::files();
  ASSERT_EQ(files.size(), 5u);
  EXPECT_TRUE(std::ranges::is_sorted(files, {}, &EmbeddedFile::path));
  for (const auto& file : files) {
    const auto onDisk = base::readFile(std::string(WEBPOOL_SOURCE_DIR "/src/net/testdata/page/") +
                                       std::string(file.path));
    ASSERT_TRUE(onDisk) << file.path;
    EXPECT_EQ(text(file.bytes), *onDisk) << file.path;
    EXPECT_EQ(file.sha256.size(), 64u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.bytes.data()) % 64, 0u);
  }
}

TEST(EmbeddedFiles, HashIsSha256OfTheBytes) {
  const EmbeddedFiles files(test_page::files());
  ASSERT_NE(files.find("empty.txt"), nullptr);
  EXPECT_TRUE(files.find("empty.txt")->bytes.empty());
  EXPECT_EQ(files.find("empty.txt")->sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(EmbeddedFiles, Find) {
  const EmbeddedFiles files(test_page::files());
  EXPECT_EQ(files.find("/"), files.find("index.html"));
  EXPECT_EQ(files.find(""), files.find("/index.html"));
  ASSERT_NE(files.find("/assets/module.mjs"), nullptr);
  EXPECT_EQ(files.find("/assets/module.mjs")->contentType, "text/javascript; charset=utf-8");
  EXPECT_EQ(files.find("/assets/tiny.wasm")->contentType, "application/wasm");
  EXPECT_NE(files.find("with space.json"), nullptr);
  EXPECT_EQ(files.find("/assets"), nullptr);
  EXPECT_EQ(files.find("/assets/"), nullptr);
  EXPECT_EQ(files.find("/../index.html"), nullptr);
  EXPECT_EQ(files.find("//index.html"), nullptr);
}

TEST(EmbeddedFiles, WhatIsCompressedLiesBesideItsFile) {
  const std::array<EmbeddedFile, 3> table{
      {{"a.js", {}, "", ""}, {"a.js.br", {}, "", ""}, {"only.br", {}, "", ""}}};
  const EmbeddedFiles files(table);
  EXPECT_EQ(files.brotli(*files.find("a.js")), &table[1]);
  EXPECT_EQ(files.find("a.js.br"), nullptr);
  ASSERT_EQ(files.find("only.br"), &table[2]);
  EXPECT_EQ(files.brotli(table[2]), nullptr);
}

TEST(EmbeddedFiles, RespondWithETag) {
  const EmbeddedFiles files(test_page::files());
  const auto& file = *files.find("index.html");
  auto response = respondWith(file, {});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(text(std::get<StaticBody>(response.body)), text(file.bytes));
  const std::string etag(response.headers.get("ETag"));
  EXPECT_EQ(etag, "\"" + std::string(file.sha256) + "\"");

  const auto statusFor = [&](std::string value) {
    Request request;
    request.headers.set("If-None-Match", std::move(value));
    return respondWith(file, request).status;
  };
  EXPECT_EQ(statusFor(etag), 304);
  EXPECT_EQ(statusFor("\"other\", W/" + etag), 304);
  EXPECT_EQ(statusFor("*"), 304);
  EXPECT_EQ(statusFor("\"other\""), 200);
  EXPECT_EQ(statusFor(""), 200);
}

TEST(ContentTypeFor, ByTheLastExtension) {
  EXPECT_EQ(contentTypeFor("a/b.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(contentTypeFor("a.js.wasm"), "application/wasm");
  EXPECT_EQ(contentTypeFor("a.js/b"), "application/octet-stream");
  EXPECT_EQ(contentTypeFor("model.onnx"), "application/octet-stream");
  EXPECT_EQ(contentTypeFor(""), "application/octet-stream");
}

}  // namespace
}  // namespace webpool::net

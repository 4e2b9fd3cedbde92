#include "api/content_coding.h"

#include <gmock/gmock.h>
#include <zlib.h>

namespace webpool::api {
namespace {

constexpr int kGzip = MAX_WBITS + 16;
constexpr int kZlib = MAX_WBITS;
constexpr int kBare = -MAX_WBITS;

std::string packed(std::string text, int form) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, form, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(ContentCoding, EachFormIsRead) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += static_cast<char>('a' + (i % 23) * (i % 23) % 23);
  EXPECT_EQ(decodedBody("gzip", packed(text, kGzip), text.size()), text);
  EXPECT_EQ(decodedBody("GZip", packed("", kGzip), 0), "");
  EXPECT_EQ(decodedBody("deflate", packed(text, kZlib), text.size()), text);
  EXPECT_EQ(decodedBody("deflate", packed(text, kBare), text.size()), text);
  EXPECT_EQ(decodedBody("gzip", packed("one ", kGzip) + packed("two", kGzip), 100), "one two");
}

TEST(ContentCoding, WhatBecomesTooLargeIsNotUnpacked) {
  const auto bomb = packed(std::string(64u << 20, '\0'), kGzip);
  EXPECT_LT(bomb.size(), 100'000U);
  const auto refused = decodedBody("gzip", bomb, 1u << 20);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 413);
  EXPECT_EQ(decodedBody("gzip", packed("abcd", kGzip), 3).error().status, 413);
}

TEST(ContentCoding, CutOrAlteredItIsRefused) {
  const auto whole = packed("a text that is packed", kGzip);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto refused = decodedBody("gzip", whole.substr(0, length), 1000);
    ASSERT_FALSE(refused) << length;
    EXPECT_EQ(refused.error().status, 400);
  }
  EXPECT_FALSE(decodedBody("gzip", whole + "x", 1000));
  EXPECT_FALSE(decodedBody("deflate", "no such thing", 1000));
  auto altered = whole;
  altered[altered.size() - 6] ^= 1;  // of its check sum
  EXPECT_FALSE(decodedBody("gzip", altered, 1000));
}

TEST(ContentCoding, OtherCodingsAreNamed) {
  const auto refused = decodedBody("br", "x", 1000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 415);
  EXPECT_EQ(refused.error().error.message, "Content-Encoding: br can't be read");
}

}  // namespace
}  // namespace webpool::api

#include "cid/cid.h"

#include <gtest/gtest.h>

#include <unordered_set>

#include "cid/multibase.h"
#include "cid/varint.h"

namespace webpool::cid {
namespace {

constexpr auto kHello = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

ErrorCategory categoryOf(std::string_view cid) {
  const auto parsed = Cid::parse(cid);
  return parsed ? ErrorCategory::Internal : parsed.error().category;
}

TEST(Varint, RoundTripsAtEveryLength) {
  for (const std::uint64_t value :
       {0ull, 1ull, 127ull, 128ull, 300ull, 16383ull, 16384ull, (1ull << 63) - 1}) {
    std::string text;
    appendVarint(text, value);
    EXPECT_EQ(text.size(), varintSize(value));
    auto bytes = bytesOf(text);
    EXPECT_EQ(takeVarint(bytes).value(), value);
    EXPECT_TRUE(bytes.empty());
  }
}

TEST(Varint, RefusesCutOffNeedlesslyLongAndTooLong) {
  for (const std::string& text : {std::string(), std::string("\x80"), std::string("\x81\x00", 2),
                                  std::string(9, '\xff') + "\x01"}) {
    auto bytes = bytesOf(text);
    EXPECT_FALSE(takeVarint(bytes)) << text.size();
  }
}

TEST(Multibase, KnownTexts) {
  // "yes mani !" in the test vectors of the multibase specification.
  const std::string_view text = "yes mani !";
  EXPECT_EQ(encodeMultibase(Base::Base16, bytesOf(text)), "f796573206d616e692021");
  EXPECT_EQ(encodeMultibase(Base::Base32, bytesOf(text)), "bpfsxgidnmfxgsibb");
  EXPECT_EQ(encodeMultibase(Base::Base36, bytesOf(text)), "k2lcpzo5yikidynfl");
  EXPECT_EQ(encodeMultibase(Base::Base58Btc, bytesOf(text)), "z7paNL19xttacUY");
  EXPECT_EQ(encodeMultibase(Base::Base64, bytesOf(text)), "meWVzIG1hbmkgIQ");
  EXPECT_EQ(encodeMultibase(Base::Base64Pad, bytesOf(text)), "MeWVzIG1hbmkgIQ==");
  EXPECT_EQ(encodeMultibase(Base::Base64Url, bytesOf(text)), "ueWVzIG1hbmkgIQ");
  EXPECT_EQ(encodeMultibase(Base::Base64UrlPad, bytesOf(text)), "UeWVzIG1hbmkgIQ==");
  EXPECT_EQ(encodeMultibase(Base::Base64, bytesOf("\xfb\xff\xbf")), "m+/+/");
  EXPECT_EQ(encodeMultibase(Base::Base64Url, bytesOf("\xfb\xff\xbf")), "u-_-_");
  for (const auto* encoded :
       {"f796573206d616e692021", "F796573206D616E692021", "bpfsxgidnmfxgsibb", "BPFSXGIDNMFXGSIBB",
        "k2lcpzo5yikidynfl", "z7paNL19xttacUY", "meWVzIG1hbmkgIQ",
        "MeWVzIG1hbmkgIQ==", "ueWVzIG1hbmkgIQ", "UeWVzIG1hbmkgIQ=="}) {
    EXPECT_EQ(decodeMultibase(encoded).value(), text) << encoded;
  }
  const std::string_view zeros("\0\0yes", 5);
  EXPECT_EQ(decodeMultibase(encodeMultibase(Base::Base58Btc, bytesOf(zeros))).value(), zeros);
  EXPECT_EQ(decodeMultibase(encodeMultibase(Base::Base36, bytesOf(zeros))).value(), zeros);
}

TEST(Multibase, RefusesForeignLettersStrayBitsAndLength) {
  EXPECT_FALSE(decodeMultibase(""));
  EXPECT_FALSE(decodeMultibase("f7"));  // half a byte
  EXPECT_FALSE(decodeMultibase("bpfsxgidnmfxgsib1"));
  EXPECT_FALSE(decodeMultibase("bab"));  // 10 bits, the last two set
  EXPECT_FALSE(decodeMultibase("z0OIl"));
  EXPECT_FALSE(decodeMultibase("z" + std::string(5000, '2')));
  EXPECT_EQ(decodeMultibase("tAAAA").error().category, ErrorCategory::Unsupported);
  EXPECT_FALSE(decodeMultibase("mAAB"));   // stray bits
  EXPECT_FALSE(decodeMultibase("mAAA="));  // padding where none belongs
  EXPECT_FALSE(decodeMultibase("MAAA"));   // none where it belongs
  EXPECT_FALSE(decodeMultibase("MA==="));
  EXPECT_FALSE(decodeMultibase("M===="));
  EXPECT_FALSE(decodeMultibase("m-_-_"));
  EXPECT_FALSE(decodeMultibase("u+/+/"));
}

TEST(Cid, HelloWorldAndEveryTextOfIt) {
  const auto cid = Cid::of(Codec::Raw, bytesOf("hello world"));
  EXPECT_EQ(cid.text(), kHello);
  const auto binary = cid.bytes();
  EXPECT_EQ(cid.byteSize(), binary.size());
  for (const auto base : {Base::Base16, Base::Base32, Base::Base36, Base::Base58Btc, Base::Base64,
                          Base::Base64Pad, Base::Base64Url, Base::Base64UrlPad}) {
    EXPECT_EQ(Cid::parse(encodeMultibase(base, bytesOf(binary))).value(), cid);
  }
  EXPECT_TRUE(cid.matches(bytesOf("hello world")));
  EXPECT_FALSE(cid.matches(bytesOf("hello worlD")));
}

TEST(Cid, Version0ReadsAndNormalizes) {
  // The empty UnixFS directory, known to every implementation under both names.
  const auto old = Cid::parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn").value();
  EXPECT_EQ(old.version(), 0u);
  EXPECT_EQ(old.codec(), Codec::DagPb);
  EXPECT_EQ(old.text(), "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
  EXPECT_EQ(old.byteSize(), old.bytes().size());
  const auto modern = old.normalized();
  EXPECT_EQ(modern.text(), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
  EXPECT_NE(old, modern);
  EXPECT_TRUE(modern.matches(bytesOf("\x0a\x02\x08\x01")));
}

TEST(Cid, IdentityHoldsItsContent) {
  const auto empty = Cid::parse("bafkqaaa").value();
  EXPECT_EQ(empty, Cid());
  EXPECT_EQ(empty.text(), "bafkqaaa");
  EXPECT_TRUE(empty.matches({}));
  EXPECT_FALSE(empty.matches(bytesOf("x")));
}

TEST(Cid, ComparesAndHashes) {
  std::unordered_set<Cid> set;
  for (const auto* text : {"a", "b", "a"}) set.insert(Cid::of(Codec::Raw, bytesOf(text)));
  set.insert(Cid::of(Codec::DagPb, bytesOf("a")));
  EXPECT_EQ(set.size(), 3u);
}

TEST(Cid, RefusesWithTheRightCategory) {
  EXPECT_EQ(categoryOf(""), ErrorCategory::InvalidArgument);
  EXPECT_EQ(categoryOf("hello"), ErrorCategory::Unsupported);  // 'h' is a base webpool has not
  EXPECT_EQ(categoryOf("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n"),
            ErrorCategory::InvalidArgument);  // cut off
  EXPECT_EQ(categoryOf(std::string(kHello) + "aa"), ErrorCategory::InvalidArgument);
  EXPECT_EQ(categoryOf("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3N0"),
            ErrorCategory::InvalidArgument);
  // The same binary as a CIDv0, but with a multibase prefix.
  EXPECT_EQ(categoryOf("zQmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"),
            ErrorCategory::InvalidArgument);
}

TEST(Cid, ReadsTheCodecsThatItNames) {
  for (const auto& [codec, name] :
       {std::pair(Codec::Cbor, "cbor"), std::pair(Codec::Raw, "raw"),
        std::pair(Codec::DagPb, "dag-pb"), std::pair(Codec::DagCbor, "dag-cbor"),
        std::pair(Codec::DagJson, "dag-json"), std::pair(Codec::Json, "json")}) {
    const auto cid = Cid::of(codec, bytesOf("x"));
    EXPECT_EQ(Cid::parse(cid.text()).value(), cid);
    EXPECT_EQ(codecName(cid.codec()), name);
  }
}

TEST(Cid, TakesOneOffTheFront) {
  const auto cid = Cid::of(Codec::DagJson, bytesOf("x"));
  const auto binary = cid.bytes() + "rest";
  auto rest = bytesOf(binary);
  EXPECT_EQ(Cid::take(rest).value(), cid);
  EXPECT_EQ(rest.size(), 4u);
  EXPECT_FALSE(Cid::fromBytes(bytesOf(binary)));
}

TEST(Cid, EveryChangedLetterAndEveryTruncationIsRefusedOrAnotherCid) {
  const std::string text = kHello;
  const auto cid = Cid::parse(text).value();
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(Cid::parse(text.substr(0, i))) << i;
    for (int letter = 1; letter < 256; ++letter) {
      auto changed = text;
      changed[i] = static_cast<char>(letter);
      const auto read = Cid::parse(changed);
      // Upper case is the same letter; 'B' is the prefix of upper case.
      const bool same = std::tolower(letter) == text[i];
      EXPECT_TRUE(!read || *read != cid || same) << i << " " << letter;
    }
  }
}

std::string textOf(std::string_view hex) {
  return encodeMultibase(Base::Base32, bytesOf(decodeMultibase("f" + std::string(hex)).value()));
}

TEST(Cid, NamesForeignCodecsAndHashes) {
  const std::string digest32(64, 'a');
  const auto gitRaw = Cid::parse(textOf("01781220" + digest32));
  ASSERT_FALSE(gitRaw);
  EXPECT_EQ(gitRaw.error().category, ErrorCategory::Unsupported);
  EXPECT_NE(gitRaw.error().message.find("git-raw"), std::string::npos);
  const auto blake3 = Cid::parse(textOf("01551e20" + digest32));
  ASSERT_FALSE(blake3);
  EXPECT_EQ(blake3.error().category, ErrorCategory::Unsupported);
  EXPECT_NE(blake3.error().message.find("blake3"), std::string::npos);
  EXPECT_EQ(categoryOf(textOf("02551220" + digest32)), ErrorCategory::Unsupported);  // version 2
  EXPECT_EQ(categoryOf(textOf("01551210" + digest32.substr(32))), ErrorCategory::InvalidArgument);
  EXPECT_EQ(categoryOf(textOf("0155008101" + std::string(258, '0'))),
            ErrorCategory::InvalidArgument);  // an identity hash of 129 bytes
}

}  // namespace
}  // namespace webpool::cid

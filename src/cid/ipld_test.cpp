#include "cid/ipld.h"

#include <gtest/gtest.h>

#include <random>

#include "cid/multibase.h"

namespace webpool::cid {
namespace {

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string fromHex(std::string_view hex) {
  return decodeMultibase("f" + std::string(hex)).value();
}

std::string hexOf(const Ipld& value) {
  return encodeMultibase(Base::Base16, bytesOf(encodeDagCbor(value))).substr(1);
}

Ipld text(std::string value) {
  return {std::move(value)};
}

Ipld number(std::int64_t value) {
  return {value};
}

Ipld example() {
  return {IpldMap{{"b", {IpldList{number(-1), number(24), {UINT64_MAX}, {1.5}, {true}, {}}}},
                  {"aa", {IpldBytes{std::string("\0\xff", 2)}}},
                  {"link", {Cid::of(Codec::Raw, bytesOf("x"))}},
                  {"c", text("ß\"\n")}}};
}

TEST(DagCbor, KnownBytes) {
  // Examples of RFC 8949, appendix A, as far as DAG-CBOR knows them.
  EXPECT_EQ(hexOf(number(0)), "00");
  EXPECT_EQ(hexOf(number(23)), "17");
  EXPECT_EQ(hexOf(number(24)), "1818");
  EXPECT_EQ(hexOf(number(1000)), "1903e8");
  EXPECT_EQ(hexOf(number(1000000)), "1a000f4240");
  EXPECT_EQ(hexOf(number(1000000000000)), "1b000000e8d4a51000");
  EXPECT_EQ(hexOf({UINT64_MAX}), "1bffffffffffffffff");
  EXPECT_EQ(hexOf(number(-1)), "20");
  EXPECT_EQ(hexOf(number(-1000)), "3903e7");
  EXPECT_EQ(hexOf({1.1}), "fb3ff199999999999a");
  EXPECT_EQ(hexOf({false}), "f4");
  EXPECT_EQ(hexOf({}), "f6");
  EXPECT_EQ(hexOf(text("ü")), "62c3bc");
  EXPECT_EQ(hexOf({IpldList{number(1), {IpldList{number(2), number(3)}}}}), "8201820203");
  EXPECT_EQ(hexOf({IpldMap{{"bb", number(2)}, {"a", number(1)}, {"aa", number(3)}}}),
            "a361610162616103626262"
            "02");
}

TEST(DagCbor, ReadsWhatOthersWrite) {
  EXPECT_EQ(decodeDagCbor(bytesOf(fromHex("f93e00"))).value(), Ipld{1.5});  // half width
  EXPECT_EQ(decodeDagCbor(bytesOf(fromHex("fa47c35000"))).value(), Ipld{100000.0});
  EXPECT_EQ(decodeDagCbor(bytesOf(fromHex("a2626161016162"
                                          "02")))
                .value(),
            (Ipld{IpldMap{{"aa", number(1)}, {"b", number(2)}}}));  // keys out of order
}

TEST(DagCbor, RoundTrip) {
  const auto block = encodeDagCbor(example());
  const auto read = decodeDagCbor(bytesOf(block)).value();
  EXPECT_EQ(encodeDagCbor(read), block);
  EXPECT_EQ(*findIpld(read, "aa"), (Ipld{IpldBytes{std::string("\0\xff", 2)}}));
  EXPECT_EQ(linksOf(read), std::vector{Cid::of(Codec::Raw, bytesOf("x"))});
}

TEST(DagCbor, RefusesWhatIsNone) {
  for (const auto* hex : {
           "",
           "18",
           "1817",
           "190001",
           "1a00000001",
           "1b0000000000000001",  // cut off, not shortest
           "0000",                // bytes behind the value
           "9f01ff",
           "bf616101ff",  // indefinite lengths
           "5f4101ff",
           "1c",
           "ff",  // reserved
           "a10102",
           "a2616101616102",  // a key that is a number, one that comes twice
           "c001",
           "d82a4101",
           "d82a4100",
           "d82a6100",  // tags, links that are none
           "f97e00",
           "f97c00",
           "fb7ff0000000000000",  // NaN and infinities
           "f7",
           "f820",                // undefined, simple values
           "3bffffffffffffffff",  // below 64 bits
           "9bffffffffffffffff",
           "bbffffffffffffffff",
           "5bffffffffffffffff",  // lengths that lie
       }) {
    const auto read = decodeDagCbor(bytesOf(fromHex(hex)));
    ASSERT_FALSE(read) << hex;
    EXPECT_EQ(read.error().category, ErrorCategory::Protocol) << hex;
  }
  EXPECT_TRUE(decodeDagCbor(bytesOf(std::string(kMaxIpldDepth, '\x81') + '\0')));
  EXPECT_FALSE(decodeDagCbor(bytesOf(std::string(kMaxIpldDepth + 1, '\x81') + '\0')));
  EXPECT_FALSE(decodeDagCbor(bytesOf(std::string(1u << 20, '\x81'))));
}

TEST(DagJson, KnownText) {
  EXPECT_EQ(encodeDagJson(example()),
            "{\"aa\":{\"/\":{\"bytes\":\"AP8\"}},\"b\":[-1,24,18446744073709551615,1.5,true,null],"
            "\"c\":\"ß\\\"\\n\",\"link\":{\"/\":\"" +
                Cid::of(Codec::Raw, bytesOf("x")).text() + "\"}}");
  EXPECT_EQ(encodeDagJson({2.0}), "2.0");
}

TEST(DagJson, RefusesWhatIsNone) {
  for (const auto* json : {
           "",
           "{",
           "{\"a\":1}x",
           "{\"/\":1}",
           "{\"/\":\"nonsense\"}",
           "{\"/\":{\"bytes\":1}}",
           "{\"/\":{\"bytes\":\"=\"}}",
           "{\"/\":{\"other\":\"AA\"}}",
           "{\"/\":{\"bytes\":\"AA\"},\"a\":1}",
           "1e999",
       }) {
    EXPECT_FALSE(decodeDagJson(bytesOf(json))) << json;
  }
  EXPECT_FALSE(decodeDagJson(bytesOf(std::string(1u << 20, '['))));
}

/// A value of every kind but for maps with the key "/", which DAG-JSON can't tell from links.
Ipld randomValue(std::mt19937& random, int depth) {
  const auto someText = [&] {
    std::string value;
    for (auto i = random() % 6; i > 0; --i) value += static_cast<char>('a' + random() % 26);
    return value;
  };
  switch (random() % (depth > 3 ? 7 : 9)) {
    case 0:
      return {};
    case 1:
      return {random() % 2 == 0};
    case 2:
      return number(static_cast<std::int64_t>(
          (static_cast<std::uint64_t>(random()) << 32 | random()) >> random() % 64));
    case 3:
      return number(-static_cast<std::int64_t>(random()) - 1);
    case 4:
      return {static_cast<double>(random()) / 4};
    case 5:
      return text(someText());
    case 6:
      return random() % 2 == 0 ? Ipld{IpldBytes{someText()}}
                               : Ipld{Cid::of(Codec::DagCbor, bytesOf(someText()))};
    case 7: {
      IpldList list;
      for (auto i = random() % 5; i > 0; --i) list.push_back(randomValue(random, depth + 1));
      return {std::move(list)};
    }
    default: {
      IpldMap map;
      for (auto i = random() % 5; i > 0; --i) {
        map.emplace_back(someText() + std::to_string(i), randomValue(random, depth + 1));
      }
      return {std::move(map)};
    }
  }
}

TEST(Ipld, RandomValuesKeepThroughBothCodecs) {
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    const auto value = randomValue(random, 0);
    const auto cbor = encodeDagCbor(value);
    const auto throughCbor = decodeDagCbor(bytesOf(cbor)).value();
    EXPECT_EQ(encodeDagCbor(throughCbor), cbor);
    const auto json = encodeDagJson(throughCbor);
    const auto throughJson = decodeDagJson(bytesOf(json));
    ASSERT_TRUE(throughJson) << json << throughJson.error().message;
    EXPECT_EQ(encodeDagCbor(*throughJson), cbor) << json;
  }
}

TEST(Ipld, EveryTruncationIsRefused) {
  const auto cbor = encodeDagCbor(example());
  for (std::size_t size = 0; size < cbor.size(); ++size) {
    EXPECT_FALSE(decodeDagCbor(bytesOf(std::string_view(cbor).substr(0, size)))) << size;
  }
  const auto json = encodeDagJson(example());
  for (std::size_t size = 0; size < json.size(); ++size) {
    EXPECT_FALSE(decodeDagJson(bytesOf(std::string_view(json).substr(0, size)))) << size;
  }
}

TEST(Ipld, EveryChangedByteIsRefusedOrADifferentValue) {
  const auto cbor = encodeDagCbor(example());
  const auto value = decodeDagCbor(bytesOf(cbor)).value();
  for (std::size_t i = 0; i < cbor.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      if (static_cast<char>(byte) == cbor[i]) continue;
      auto changed = cbor;
      changed[i] = static_cast<char>(byte);
      const auto read = decodeDagCbor(bytesOf(changed));
      EXPECT_TRUE(!read || *read != value) << i << " " << byte;
    }
  }
}

TEST(Ipld, FindsByKeyAndIndex) {
  const auto value = example();
  EXPECT_EQ(*findIpld(*findIpld(value, "b"), "1"), number(24));
  for (const auto* segment : {"6", "01", "-1", "", "1x", "99999999999999999999"}) {
    EXPECT_EQ(findIpld(*findIpld(value, "b"), segment), nullptr) << segment;
  }
  EXPECT_EQ(findIpld(value, "none"), nullptr);
  EXPECT_EQ(findIpld(number(1), "0"), nullptr);
}

}  // namespace
}  // namespace webpool::cid

#include "cid/car.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cid/ipld.h"
#include "cid/multibase.h"
#include "cid/varint.h"

namespace webpool::cid {
namespace {

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string fromHex(std::string_view hex) {
  return decodeMultibase("f" + std::string(hex)).value();
}

std::string section(Codec codec, const std::string& block) {
  return carSectionHead(Cid::of(codec, bytesOf(block)), block.size()) + block;
}

std::string example() {
  const std::vector roots{Cid::of(Codec::Raw, bytesOf("hello")), Cid::of(Codec::DagPb, {})};
  return carHeader(roots) + section(Codec::Raw, "hello") + section(Codec::Raw, "") +
         section(Codec::Raw, std::string(300, 'x'));
}

/// What is read, or why not. `piece`: how much is pushed at a time.
Result<std::vector<std::string>> readAll(std::string_view car, std::size_t piece) {
  CarReader reader;
  std::vector<std::string> blocks;
  while (true) {
    auto block = reader.next();
    if (!block) return std::unexpected(block.error());
    if (*block) {
      blocks.push_back(std::move((*block)->bytes));
      continue;
    }
    if (car.empty()) break;
    reader.push(bytesOf(car.substr(0, piece)));
    car.remove_prefix(std::min(piece, car.size()));
  }
  if (auto finished = reader.finish(); !finished) return std::unexpected(finished.error());
  return blocks;
}

ErrorCategory categoryOf(const std::string& car) {
  const auto read = readAll(car, 7);
  return read ? ErrorCategory::Internal : read.error().category;
}

TEST(Car, KnownHeader) {
  // One root, "hello world" as a raw block.
  const auto root = Cid::of(Codec::Raw, bytesOf("hello world"));
  const std::string cid = encodeMultibase(Base::Base16, bytesOf(root.bytes())).substr(1);
  EXPECT_EQ(encodeMultibase(Base::Base16, bytesOf(carHeader(std::vector{root}))).substr(1),
            "3aa265726f6f747381d82a582500" + cid + "6776657273696f6e01");
}

TEST(Car, ReadsInPiecesOfAnySize) {
  const std::vector<std::string> expected{"hello", "", std::string(300, 'x')};
  for (const std::size_t piece : {1u, 2u, 3u, 50u, 100000u}) {
    EXPECT_EQ(readAll(example(), piece).value(), expected) << piece;
  }
  CarReader reader;
  reader.push(bytesOf(example()));
  EXPECT_EQ(reader.next().value()->bytes, "hello");
  ASSERT_EQ(reader.roots().size(), 2u);
  EXPECT_EQ(reader.roots()[0], Cid::of(Codec::Raw, bytesOf("hello")));
}

TEST(Car, HoldsNoMoreThanASection) {
  CarReader reader;
  reader.push(bytesOf(carHeader({})));
  const auto one = section(Codec::Raw, std::string(1u << 20, 'a'));
  for (int i = 0; i < 50; ++i) {
    reader.push(bytesOf(one));
    EXPECT_EQ(reader.next().value()->bytes.size(), 1u << 20);
    EXPECT_FALSE(*reader.next());
    EXPECT_TRUE(reader.finish());
  }
}

TEST(Car, EveryTruncationIsNoticed) {
  const auto car = example();
  // A CAR has no end mark: cut between two sections it is a shorter CAR.
  const auto header =
      carHeader(std::vector{Cid::of(Codec::Raw, bytesOf("hello")), Cid::of(Codec::DagPb, {})});
  std::vector<std::size_t> whole{header.size()};
  for (const auto& block : {std::string("hello"), std::string(), std::string(300, 'x')}) {
    whole.push_back(whole.back() + section(Codec::Raw, block).size());
  }
  for (std::size_t size = 0; size < car.size(); ++size) {
    const bool between = std::ranges::find(whole, size) != whole.end();
    EXPECT_EQ(readAll(car.substr(0, size), 64).has_value(), between) << size;
  }
}

TEST(Car, EveryChangedByteIsNoticed) {
  const auto car = example();
  const auto good = readAll(car, 64).value();
  for (std::size_t i = 0; i < car.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      auto changed = car;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto read = readAll(changed, 64);
      // Roots and codecs may be other good ones; no block may be.
      if (read) {
        for (const auto& block : *read) EXPECT_NE(std::ranges::find(good, block), good.end()) << i;
      }
    }
  }
}

TEST(Car, RefusesBlocksThatLieAndSectionsThatAreTooLarge) {
  auto lie = example();
  lie.back() = 'y';
  EXPECT_EQ(categoryOf(lie), ErrorCategory::Integrity);
  EXPECT_EQ(categoryOf(carHeader({}) + std::string(1, '\0')), ErrorCategory::Protocol);
  std::string huge;
  appendVarint(huge, 1ull << 40);
  EXPECT_EQ(categoryOf(carHeader({}) + huge), ErrorCategory::Protocol);
  EXPECT_EQ(categoryOf(huge), ErrorCategory::Protocol);
  EXPECT_EQ(categoryOf(carHeader({}) + std::string(10, '\xff')), ErrorCategory::Protocol);
  const std::string tooLarge(kMaxBlock + 1, 'z');
  EXPECT_EQ(categoryOf(carHeader({}) + section(Codec::Raw, tooLarge)), ErrorCategory::Protocol);
  EXPECT_EQ(categoryOf(carHeader({}) + "\x02"
                                       "ab"),
            ErrorCategory::Unsupported);  // CID version 0x61
}

TEST(Car, RefusesHeadersByName) {
  EXPECT_EQ(categoryOf(fromHex("0aa16776657273696f6e02")),
            ErrorCategory::Unsupported);  // version 2
  const auto withHeader = [](const Ipld& header) {
    const auto bytes = encodeDagCbor(header);
    std::string car;
    appendVarint(car, bytes.size());
    return categoryOf(car + bytes);
  };
  EXPECT_EQ(withHeader({IpldMap{}}), ErrorCategory::Protocol);
  EXPECT_EQ(withHeader({IpldMap{{"version", {std::int64_t{1}}}}}), ErrorCategory::Protocol);
  EXPECT_EQ(withHeader({IpldMap{{"version", {std::int64_t{1}}},
                                {"roots", {IpldList{{std::string("x")}}}}}}),
            ErrorCategory::Protocol);
  EXPECT_EQ(withHeader({std::string("text")}), ErrorCategory::Protocol);
}

TEST(Car, ForeignBlocksArePassedOverWhereThatIsAskedFor) {
  // A sha2-512 of 64 bytes behind the codec raw.
  const auto foreign = fromHex("01551340") + std::string(64, 'h') + "block";
  std::string car = carHeader({}) + section(Codec::Raw, "one");
  appendVarint(car, foreign.size());
  car += foreign + section(Codec::Raw, "two");
  EXPECT_EQ(categoryOf(car), ErrorCategory::Unsupported);
  CarReader reader(CarReader::Foreign::PassOver);
  reader.push(bytesOf(car));
  EXPECT_EQ((*reader.next().value()).bytes, "one");
  EXPECT_EQ((*reader.next().value()).bytes, "two");
  EXPECT_FALSE(reader.next().value());
  EXPECT_EQ(reader.passedOver(), 1u);
  EXPECT_TRUE(reader.finish());
}

TEST(Car, NothingFollowsAnError) {
  CarReader reader;
  reader.push(bytesOf(std::string("\0", 1)));
  ASSERT_FALSE(reader.next());
  reader.push(bytesOf(example()));
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.finish());
}

}  // namespace
}  // namespace webpool::cid

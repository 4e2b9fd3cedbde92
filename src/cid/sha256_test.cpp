#include "cid/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cid/sha256_lanes.h"

namespace webpool::cid {
namespace {

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Sha256, KnownDigests) {  // FIPS 180-4's examples
  EXPECT_EQ(hexText(sha256(bytesOf("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hexText(sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, PiecesEqualTheWholeAndItBeginsAnew) {
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    hash.update(bytesOf("a"));
    hash.update({});
    hash.update(bytesOf("bc"));
    EXPECT_EQ(hash.finish(), sha256(bytesOf("abc")));
  }
}

TEST(Sha256Lanes, EqualOpenSslForEveryLengthAndNumber) {
  std::vector<std::byte> bytes(1 << 14);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i * 31 + (i >> 7));
  for (const std::size_t count : {1u, 2u, 3u, 4u, 5u, 8u, 11u}) {
    for (std::size_t size = 0; size < 300; ++size) {
      std::vector<std::span<const std::byte>> messages;
      for (std::size_t i = 0; i < count; ++i) {
        // Odd starts; in one of three sets the last message is shorter.
        const auto length = i + 1 == count && size % 3 == 0 ? size / 2 : size;
        messages.push_back(std::span(bytes).subspan(i * 613 + 1, length));
      }
      std::vector<Digest> digests(count);
      sha256Each(messages, digests);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(digests[i], sha256(messages[i])) << size;
    }
  }
}

TEST(Sha256Lanes, EqualOpenSslForWholeLeaves) {
  std::vector<std::byte> bytes(4u << 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 251);
  std::vector<std::span<const std::byte>> leaves;
  for (std::size_t i = 0; i < 4; ++i) leaves.push_back(std::span(bytes).subspan(i << 20, 1u << 20));
  std::vector<Digest> digests(4);
  sha256Each(leaves, digests);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(digests[i], sha256(leaves[i]));
}

TEST(LeavesAndWholeHash, EqualsOpenSslForEveryLength) {
  std::vector<std::byte> bytes(4 * 192 + 300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto stream = std::span<const std::byte>(bytes).first(size);
    for (const std::size_t leafSize : {64u, 192u}) {
      LeavesAndWholeHash hash;
      for (std::size_t from = 0; from < size; from += leafSize) {
        const auto leaf = stream.subspan(from, std::min(leafSize, size - from));
        ASSERT_EQ(hash.add(leaf), sha256(leaf)) << size << " at " << from;
      }
      ASSERT_EQ(hash.finish(), sha256(stream)) << size;
    }
  }
}

TEST(LeavesAndWholeHash, EqualsOpenSslForLeavesOfAFile) {
  std::vector<std::byte> bytes((3u << 20) + 77);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i % 253 + (i >> 16));
  LeavesAndWholeHash hash;
  for (std::size_t from = 0; from < bytes.size(); from += 1u << 20) {
    const auto leaf = std::span<const std::byte>(bytes).subspan(
        from, std::min<std::size_t>(1u << 20, bytes.size() - from));
    EXPECT_EQ(hash.add(leaf), sha256(leaf));
  }
  EXPECT_EQ(hash.finish(), sha256(bytes));
}

}  // namespace
}  // namespace webpool::cid

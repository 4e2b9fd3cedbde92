// Ten thousand damaged frames, the same ones in each run: the decoder must refuse or read them, and
// what it reads must lie within the frame (the sanitizers watch).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/testing/vectors.h"

namespace webpool::wire {
namespace {

using Buffer = std::vector<std::byte>;

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) {
    return limit == 0 ? 0 : static_cast<std::size_t>(random_() % limit);
  }

  void mutate(Buffer& bytes) {
    switch (below(8)) {
      case 0:  // flip a bit
        if (!bytes.empty()) bytes[below(bytes.size())] ^= std::byte(1u << below(8));
        break;
      case 1:  // a random byte
        if (!bytes.empty()) bytes[below(bytes.size())] = std::byte(below(256));
        break;
      case 2:  // cut the end
        bytes.resize(below(bytes.size() + 1));
        break;
      case 3:  // more at the end
        bytes.resize(bytes.size() + below(32), std::byte(below(256)));
        break;
      case 4:  // another digit in the JSON
        replaceDigit(bytes);
        break;
      case 5:  // an extreme size in the prefix
        if (bytes.size() >= 16) writeSize(bytes);
        break;
      case 6: {  // move a part over another
        if (bytes.size() < 32) break;
        const auto length = below(16);
        const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() - 16));
        const auto to = below(bytes.size() - 16);
        std::copy_n(Buffer(from, from + static_cast<std::ptrdiff_t>(length)).begin(), length,
                    bytes.begin() + static_cast<std::ptrdiff_t>(to));
        break;
      }
      default:  // a word the JSON reader minds
        insertWord(bytes);
    }
  }

 private:
  void replaceDigit(Buffer& bytes) {
    for (int tries = 0; tries < 50 && !bytes.empty(); ++tries) {
      auto& byte = bytes[below(bytes.size())];
      if (byte < std::byte('0') || byte > std::byte('9')) continue;
      constexpr std::string_view kOthers = "0123456789-.eE";
      byte = std::byte(kOthers[below(kOthers.size())]);
      return;
    }
  }
  void writeSize(Buffer& bytes) {
    const std::array<std::uint64_t, 6> sizes{0, 8, bytes.size(), 1ull << 31, ~0ull, ~7ull};
    const auto size = sizes[below(sizes.size())];
    if (below(2) == 0) {
      std::memcpy(bytes.data() + 4, &size, 4);
    } else {
      std::memcpy(bytes.data() + 8, &size, 8);
    }
  }
  void insertWord(Buffer& bytes) {
    static constexpr std::array<std::string_view, 8> kWords{"null", "1e999", "[[[[", "{}",
                                                            "\\u",  "-1",    "\"",   "\xff\xfe"};
    const auto word = kWords[below(kWords.size())];
    if (bytes.size() < 24 + word.size()) return;
    std::memcpy(bytes.data() + 16 + below(bytes.size() - 16 - word.size()), word.data(),
                word.size());
  }

  std::mt19937_64 random_;
};

/// Makes the sizes fit the length again, so that the checks behind them are reached.
void repairPrefix(Buffer& bytes) {
  if (bytes.size() < 16) return;
  std::memcpy(bytes.data(), "WPF1", 4);
  std::uint32_t headerSize = 0;
  std::memcpy(&headerSize, bytes.data() + 4, 4);
  if (headerSize > bytes.size() - 16) {
    headerSize = static_cast<std::uint32_t>((bytes.size() - 16) / 8 * 8);
    std::memcpy(bytes.data() + 4, &headerSize, 4);
  }
  const std::uint64_t dataSize = bytes.size() - 16 - headerSize;
  std::memcpy(bytes.data() + 8, &dataSize, 8);
}

unsigned readAll(const std::vector<Tensor>& tensors) {
  unsigned sum = 0;
  for (const auto& tensor : tensors) {
    for (const auto byte : tensor.data.view()) sum += static_cast<unsigned>(byte);
  }
  return sum;
}

TEST(WireMutations, NoDamagedFrameGetsThroughUnchecked) {
  std::vector<Buffer> seeds;
  for (const auto& [file, list] :
       {std::pair("frames.json", "valid"), std::pair("messages.json", "page"),
        std::pair("messages.json", "pool")}) {
    for (const auto& vector : testing::load(file, list)) {
      const auto bytes = testing::frameOf(vector);
      seeds.emplace_back(bytes.view().begin(), bytes.view().end());
    }
  }
  ASSERT_GT(seeds.size(), 35u);

  Mutator mutator(20261123);
  int read = 0;
  int refused = 0;
  unsigned sum = 0;
  for (int round = 0; round < 10000; ++round) {
    auto bytes = seeds[mutator.below(seeds.size())];
    for (auto times = 1 + mutator.below(3); times > 0; --times) mutator.mutate(bytes);
    if (mutator.below(2) == 0) repairPrefix(bytes);
    // Exactly as large as the frame, so that a read past its end is seen.
    const auto frame = Bytes::adopt(Buffer(bytes));
    if (const auto decoded = decodeFrame(frame)) {
      sum += readAll(decoded->inputs) + readAll(decoded->outputs);
      for (const auto& tensor : decoded->inputs) ASSERT_TRUE(tensor.validate());
      for (const auto& tensor : decoded->outputs) ASSERT_TRUE(tensor.validate());
      ASSERT_TRUE(encodeFrame(decoded->header, decoded->inputs, decoded->outputs));
      ++read;
    } else {
      ASSERT_EQ(decoded.error().category, ErrorCategory::Protocol);
      ++refused;
    }
    if (const auto message = decodePageMessage(frame); message && *message) {
      ASSERT_TRUE(encodeMessage(**message));
    }
    if (const auto message = decodePoolMessage(frame); message && *message) {
      ASSERT_TRUE(encodeMessage((*message)->message, (*message)->received));
    }
  }
  // Both kinds must be there, or the test has tested little.
  EXPECT_GT(read, 500) << sum;
  EXPECT_GT(refused, 3000);
}

}  // namespace
}  // namespace webpool::wire

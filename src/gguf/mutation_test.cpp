// A header with random bytes changed is a model or an error, never a crash or a read beyond its end
// (the sanitizers see to the latter).
#include <gtest/gtest.h>

#include <random>

#include "gguf/model.h"
#include "gguf/testing/file_builder.h"

namespace webpool::gguf {
namespace {

TEST(GgufMutation, AnyChangeIsAnAnswer) {
  const auto good = testing::smallModel().file(768);
  const auto header = good.size() - 768;
  std::mt19937 random(1);
  unsigned refused = 0;
  constexpr unsigned kRounds = 20'000;
  for (unsigned round = 0; round < kRounds; ++round) {
    // Of its own size, so that a read beyond the end is seen.
    std::string file = good;
    const auto changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; ++i) {
      // Large and small values, and single bits.
      const auto at = random() % header;
      const auto kind = random() % 3;
      file[at] = kind == 0   ? static_cast<char>(random())
                 : kind == 1 ? '\xff'
                             : static_cast<char>(file[at] ^ (1 << random() % 8));
    }
    if (random() % 4 == 0) file.resize(random() % file.size());
    file.shrink_to_fit();
    const auto info = readModel(testing::bytesOf(file));
    if (info) {
      EXPECT_FALSE(info->architecture.empty());
      EXPECT_LE(info->tensorBytes, file.size());
      continue;
    }
    ++refused;
    const auto category = info.error().category;
    EXPECT_TRUE(category == ErrorCategory::InvalidModel || category == ErrorCategory::Unsupported)
        << info.error().message;
    EXPECT_LT(info.error().message.size(), 1000u);
  }
  EXPECT_GT(refused, kRounds / 4);
  EXPECT_LT(refused, kRounds);
}

}  // namespace
}  // namespace webpool::gguf

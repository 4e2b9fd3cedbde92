#include "pool/refusals.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace webpool::pool {
namespace {

class RefusalsTest : public testing::Test {
 protected:
  RefusalsTest() {
    std::string name = testing::TempDir() + "refusals-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~RefusalsTest() override { std::filesystem::remove_all(folder_); }

  static Refusal silero(const std::string& version = "156") {
    return {{"bafy", "fp32", "webgpu", "chromium", version, "SwiftShader (software)"},
            "silero-vad-v5",
            "off by 22 %",
            "use wasm",
            "2026-11-23"};
  }

  std::filesystem::path folder_;
  std::filesystem::path file() const { return folder_ / "refused.json"; }
};

TEST_F(RefusalsTest, WhatWasRefusedIsFoundAfterARestart) {
  ASSERT_TRUE(Refusals(file()).add(silero()));
  const auto found = Refusals(file()).find(silero().what);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message, "off by 22 %");
  EXPECT_EQ(found->on, "2026-11-23");
}

TEST_F(RefusalsTest, AnotherVersionOfTheBrowserIsAnotherCombination) {
  Refusals refusals(file());
  ASSERT_TRUE(refusals.add(silero("156")));
  EXPECT_FALSE(refusals.find(silero("157").what));
}

TEST_F(RefusalsTest, TheSameAgainReplacesItself) {
  Refusals refusals(file());
  ASSERT_TRUE(refusals.add(silero()));
  ASSERT_TRUE(refusals.add(silero()));
  EXPECT_THAT(refusals.all(), testing::SizeIs(1));
}

TEST_F(RefusalsTest, WhatAnotherWebpoolFoundCountsNoMore) {
  ASSERT_TRUE(base::writeFileAtomically(
      file(), R"({"webpool":"0.0.1","refusals":[{"model":"bafy","dtype":"fp32"}]})", 0600));
  EXPECT_THAT(Refusals(file()).all(), testing::IsEmpty());
}

TEST_F(RefusalsTest, AFileThatIsDamagedIsEmptyAndIsReplaced) {
  ASSERT_TRUE(base::writeFileAtomically(file(), "{\"refusals\": [1, {\"mod", 0600));
  Refusals refusals(file());
  EXPECT_THAT(refusals.all(), testing::IsEmpty());
  ASSERT_TRUE(refusals.add(silero()));
  EXPECT_TRUE(refusals.find(silero().what));
}

TEST_F(RefusalsTest, AFolderThatIsNotThereIsAnError) {
  Refusals refusals(folder_ / "none" / "refused.json");
  EXPECT_FALSE(refusals.add(silero()));
}

}  // namespace
}  // namespace webpool::pool

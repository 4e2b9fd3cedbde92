#include "pool/agreements.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <string>

#include "base/file.h"

namespace webpool::pool {
namespace {

class AgreementsTest : public testing::Test {
 protected:
  AgreementsTest() {
    std::string name = testing::TempDir() + "agreements-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~AgreementsTest() override { std::filesystem::remove_all(folder_); }

  static Combination wasmOf(const std::string& browser, const std::string& version = "156") {
    return {"bafy", "fp32", "wasm", browser, version, ""};
  }
  std::filesystem::path file() const { return folder_ / "agreed.json"; }

  std::filesystem::path folder_;
};

TEST_F(AgreementsTest, WhatAgreedIsFoundAfterARestartWithWhomItAgreed) {
  ASSERT_TRUE(
      Agreements(file()).add({wasmOf("chromium"), "wasm of firefox 153.7.0", "2026-11-23"}));
  const auto found = Agreements(file()).find(wasmOf("chromium"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->by, "wasm of firefox 153.7.0");
  EXPECT_EQ(found->on, "2026-11-23");
}

TEST_F(AgreementsTest, ANewerBrowserIsAskedAnew) {
  Agreements agreements(file());
  ASSERT_TRUE(agreements.add({wasmOf("chromium"), "wasm of firefox 153.7.0", "2026-11-23"}));
  EXPECT_FALSE(agreements.find(wasmOf("chromium", "157")));
  EXPECT_FALSE(agreements.find(wasmOf("firefox")));
}

TEST_F(AgreementsTest, TheSameAgainReplacesItself) {
  Agreements agreements(file());
  ASSERT_TRUE(agreements.add({wasmOf("chromium"), "wasm of firefox 153.7.0", "2026-11-23"}));
  ASSERT_TRUE(agreements.add({wasmOf("chromium"), "wasm of webkit 2.50.6", "2026-11-24"}));
  EXPECT_EQ(agreements.find(wasmOf("chromium"))->by, "wasm of webkit 2.50.6");
  EXPECT_EQ(readKept(file(), "agreed").size(), 1U);
}

TEST_F(AgreementsTest, OnlyTheLatestAreKept) {
  std::vector<boost::json::object> entries;
  for (std::size_t i = 0; i < kMostKept; ++i) {
    entries.push_back(toJson(wasmOf("chromium", std::to_string(i))));
  }
  ASSERT_TRUE(writeKept(file(), "agreed", entries));
  ASSERT_TRUE(Agreements(file()).add({wasmOf("firefox"), "wasm of chromium 156", "2026-11-23"}));
  EXPECT_EQ(readKept(file(), "agreed").size(), kMostKept);
  EXPECT_TRUE(Agreements(file()).find(wasmOf("firefox")));
  EXPECT_FALSE(Agreements(file()).find(wasmOf("chromium", "0")));
  EXPECT_TRUE(Agreements(file()).find(wasmOf("chromium", "1")));
}

TEST_F(AgreementsTest, WhatAnotherWebpoolFoundAndADamagedFileCountAsNothing) {
  for (const auto* text :
       {R"({"webpool":"0.0.1","agreed":[{"model":"bafy"}]})", R"({"agreed": [{"mod)", "[]"}) {
    ASSERT_TRUE(base::writeFileAtomically(file(), text, 0600));
    EXPECT_TRUE(readKept(file(), "agreed").empty()) << text;
  }
  ASSERT_TRUE(Agreements(file()).add({wasmOf("webkit"), "wasm of chromium 156", "2026-11-23"}));
  EXPECT_TRUE(Agreements(file()).find(wasmOf("webkit")));
}

}  // namespace
}  // namespace webpool::pool

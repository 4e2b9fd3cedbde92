#include "base/paths.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace webpool::base {
namespace {

/// The variables that paths come from, all unset; as they were again afterwards.
class PathsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"HOME", "WEBPOOL_DATA_DIR", "WEBPOOL_CACHE_DIR", "WEBPOOL_RUNTIME_DIR",
                             "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"}) {
      const char* value = std::getenv(name);
      before_[name] = value != nullptr ? std::optional<std::string>(value) : std::nullopt;
      ::unsetenv(name);
    }
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }

  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(PathsTest, FollowOwnThenXdgThenHome) {
  ::setenv("HOME", "/home/me", 1);
  auto paths = pathsFromEnvironment();
  EXPECT_EQ(paths.data, "/home/me/.local/share/webpool");
  EXPECT_EQ(paths.cache, "/home/me/.cache/webpool");
  ::setenv("XDG_DATA_HOME", "/xdg", 1);
  ::setenv("XDG_CACHE_HOME", "relative", 1);  // the standard: not absolute is not set
  paths = pathsFromEnvironment();
  EXPECT_EQ(paths.data, "/xdg/webpool");
  EXPECT_EQ(paths.cache, "/home/me/.cache/webpool");
  ::setenv("WEBPOOL_DATA_DIR", "own", 1);
  EXPECT_EQ(pathsFromEnvironment().data, "own");
}

TEST_F(PathsTest, ThePoolsOfAUserFindEachOther) {
  EXPECT_EQ(pathsFromEnvironment().runtime, "");
  ::setenv("HOME", "/home/me", 1);
  ::setenv("WEBPOOL_CACHE_DIR", "/mine", 1);
  EXPECT_EQ(pathsFromEnvironment().runtime, "/home/me/.cache/webpool/running");
  ::setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
  EXPECT_EQ(pathsFromEnvironment().runtime, "/run/user/1000/webpool");
  ::setenv("WEBPOOL_RUNTIME_DIR", "/together", 1);
  EXPECT_EQ(pathsFromEnvironment().runtime, "/together");
}

TEST_F(PathsTest, AFolderIsToldFromTheRootOn) {
  EXPECT_EQ(absoluteFolder("/a/b"), "/a/b");
  EXPECT_EQ(absoluteFolder("a/b"), std::filesystem::current_path() / "a/b");
  EXPECT_EQ(absoluteFolder({}), "") << "which none is known";
}

TEST_F(PathsTest, WithoutHomeBothFoldersMustBeGiven) {
  for (const char* home : {static_cast<const char*>(nullptr), ""}) {
    if (home != nullptr) ::setenv("HOME", home, 1);
    const auto checked = checkFolders(pathsFromEnvironment());
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().category, ErrorCategory::InvalidArgument);
    EXPECT_EQ(checked.error().message, "HOME is not set");
  }
  ::setenv("WEBPOOL_DATA_DIR", "/data", 1);
  EXPECT_FALSE(checkFolders(pathsFromEnvironment()));
  EXPECT_TRUE(checkFolder(pathsFromEnvironment().data));
  ::setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_TRUE(checkFolders(pathsFromEnvironment()));
}

}  // namespace
}  // namespace webpool::base

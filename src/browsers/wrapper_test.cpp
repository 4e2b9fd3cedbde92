#include "browsers/wrapper.h"

#include <gtest/gtest.h>

#include <array>

#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

constexpr std::array<std::string_view, 1> kNames{"chromium"};

class Wrapper : public testing::Test {
 protected:
  Wrapper() {
    environment_.root = folder_.path();
    // Any executable file that is no script.
    std::filesystem::create_directories(folder_.path() / "usr/lib/chromium");
    std::filesystem::copy_file("/bin/true", program_);
  }

  std::filesystem::path script(std::string_view body) {
    const auto path = folder_.path() / "usr/bin/fake_chromium";
    test::writeScript(path, body);
    return path;
  }

  test::TempFolder folder_;
  Environment environment_;
  std::filesystem::path program_ = folder_.path() / "usr/lib/chromium/chromium";
};

TEST_F(Wrapper, TheExecLineWithVariables) {
  const auto path = script(R"(
APPNAME=chromium
LIBDIR=/usr/lib/$APPNAME
want=0
if [ $want -eq 1 ]; then
  $LIBDIR/$APPNAME "$@"
else
  exec "${LIBDIR}/$APPNAME" $CHROMIUM_FLAGS "$@"
fi)");
  EXPECT_EQ(resolveProgram(environment_, path, kNames), program_);
}

TEST_F(Wrapper, ExecWithAnotherNameGiven) {
  const auto path = script("exec -a \"$0\" /usr/lib/chromium/chromium \"$@\"");
  EXPECT_EQ(resolveProgram(environment_, path, {}), program_);
}

TEST_F(Wrapper, ALinkToAScriptThatExecsAnother) {
  test::writeScript(folder_.path() / "opt/second", "exec /usr/lib/chromium/chromium \"$@\"");
  const auto path = script("exec /opt/second \"$@\"");
  std::filesystem::create_symlink(path, folder_.path() / "usr/bin/link");
  EXPECT_EQ(resolveProgram(environment_, folder_.path() / "usr/bin/link", kNames), program_);
}

TEST_F(Wrapper, AProgramBesideAScriptThatNeedsAShell) {
  const auto path = folder_.path() / "usr/lib/chromium/start";
  test::writeScript(path, "HERE=\"`dirname \"$0\"`\"\nexec \"$HERE/chromium\" \"$@\"");
  EXPECT_EQ(resolveProgram(environment_, path, kNames), program_);
  EXPECT_EQ(resolveProgram(environment_, path, {}), path);
}

TEST_F(Wrapper, AProgramBesideAScriptOfAnotherOne) {
  const auto path = folder_.path() / "usr/lib/chromium/firefox";
  test::writeScript(path, "exec \"$(dirname \"$0\")/firefox-bin\" \"$@\"");
  EXPECT_EQ(resolveProgram(environment_, path, kNames), path);
}

TEST_F(Wrapper, AScriptThatExecsItselfEnds) {
  const auto path = script("exec /usr/bin/fake_chromium");
  EXPECT_EQ(resolveProgram(environment_, path, kNames), path);
}

TEST_F(Wrapper, NoScriptIsItself) {
  EXPECT_EQ(resolveProgram(environment_, program_, kNames), program_);
}

TEST_F(Wrapper, NoExecutableFile) {
  EXPECT_FALSE(resolveProgram(environment_, folder_.path() / "none", kNames));
  EXPECT_FALSE(resolveProgram(environment_, folder_.path(), kNames));
  test::writeText(folder_.path() / "text", "#!/bin/sh\n");
  EXPECT_FALSE(resolveProgram(environment_, folder_.path() / "text", kNames));
}

}  // namespace
}  // namespace webpool::browsers

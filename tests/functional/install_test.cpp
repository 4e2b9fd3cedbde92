// What `cmake --install` puts on a machine: a program that needs no clone, and a library that a
// CMake project finds.
#include <gmock/gmock.h>

#include "cli_harness.h"

namespace webpool::functional {
namespace {

class Install : public CliTest {
 protected:
  Finished shell(const std::string& script) {
    Running running({"/bin/bash", "-euc", script}, environment_, "");
    return running.wait();
  }
};

TEST_F(Install, AProgramOfTenLinesFindsTheLibraryAndEmbeds) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto prefix = (folder() / "prefix").native();
  const auto source = std::string(WEBPOOL_SOURCE_DIR) + "/examples/embed";
  const auto build = (folder() / "example").native();
  const auto installed = shell("cmake --install " WEBPOOL_BINARY_DIR " --prefix " + prefix);
  ASSERT_EQ(installed.code, 0) << installed.out << installed.err;
  const auto built =
      shell("cmake -G Ninja -S " + source + " -B " + build +
            " -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_CXX_FLAGS='" + WEBPOOL_SANITIZER_FLAGS +
            "' -DCMAKE_PREFIX_PATH=" + prefix + " && cmake --build " + build);
  ASSERT_EQ(built.code, 0) << built.out << built.err;
  const auto ran = shell(build + "/embed");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, testing::MatchesRegex("0\\.[0-9]+\n"));
  const auto program = shell("cd / && " + prefix +
                             "/bin/webpool run --model all-minilm-l6-v2 "
                             "--ephemeral --db-path " +
                             prefix + "/runs.duckdb hello");
  EXPECT_EQ(program.code, 0) << program.err;
  // It finds the DuckDB that was installed with it, and looks for none in the clone.
  EXPECT_TRUE(std::filesystem::exists(prefix + "/runs.duckdb")) << program.err;
  const auto where =
      shell("readelf -d " + prefix + "/bin/webpool " + prefix + "/lib*/libwebpool.so");
  EXPECT_THAT(where.out, testing::HasSubstr("$ORIGIN/../lib"));
  EXPECT_THAT(where.out, testing::Not(testing::HasSubstr(WEBPOOL_SOURCE_DIR)));
  expectNothingLeft();
}

}  // namespace
}  // namespace webpool::functional

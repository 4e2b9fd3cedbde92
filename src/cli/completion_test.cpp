#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/app.h"
#include "pool/task.h"

namespace webpool::cli {
namespace {

/// Runs bash with the script and completes `line`; the words it offers, one a line.
std::string completeInBash(const std::string& script, const std::string& words,
                           const std::string& before = {}) {
  char path[] = "/tmp/webpool-completion-XXXXXX";
  const int fd = mkstemp(path);
  const auto text =
      script + before + "\nCOMP_WORDS=(" + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _webpool; printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(fd);
  FILE* pipe = popen((std::string("bash ") + path + " 2>&1").c_str(), "r");
  std::string output;
  char buffer[4096];
  while (const auto got = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, got);
  pclose(pipe);
  unlink(path);
  return output;
}

TEST(Completion, BashOffersCommandsThenTheirOptions) {
  Context context;
  Action action;
  const auto app = makeApp(context, action);
  const auto script = completionScript(*app, "bash");
  EXPECT_EQ(completeInBash(script, "webpool mod"), "models\n");
  EXPECT_EQ(completeInBash(script, "webpool models a"), "add\n");
  EXPECT_EQ(completeInBash(script, "webpool run --model x --task"), "--task\n");
  EXPECT_FALSE(completionScript(*app, "fish").empty());
  EXPECT_TRUE(completionScript(*app, "tcsh").empty());
}

TEST(Completion, BashOffersTheValuesOfOptions) {
  Context context;
  Action action;
  const auto app = makeApp(context, action);
  const auto script = completionScript(*app, "bash");
  EXPECT_EQ(completeInBash(script, "webpool run --backend ''"), "auto\nwasm\nwebgpu\nwebnn\n");
  EXPECT_EQ(completeInBash(script, "webpool run --backend = w"), "wasm\nwebgpu\nwebnn\n");
  EXPECT_EQ(completeInBash(script, "webpool run --backend ="), "auto\nwasm\nwebgpu\nwebnn\n");
  EXPECT_EQ(completeInBash(script, "webpool models add x --dtype q4"), "q4\nq4f16\n");
  std::string tasks;
  for (const auto& task : pool::knownTasks()) tasks += std::string(task.name) + "\n";
  EXPECT_EQ(completeInBash(script, "webpool run -t ''"), tasks);
  EXPECT_EQ(completeInBash(script, "webpool run -t text-e"), "text-embedding\n");
  EXPECT_EQ(completeInBash(script, "webpool demo --browser firef"), "firefox\n");
  EXPECT_EQ(completeInBash(script, "webpool completion f"), "fish\n");
  EXPECT_EQ(completeInBash(script, "webpool content exp"), "export\n");
  EXPECT_EQ(completeInBash(script, "webpool content export x --scope e"), "entity\n");
  EXPECT_EQ(completeInBash(script, "webpool content import /proc/meminf"), "/proc/meminfo\n");
  EXPECT_EQ(completeInBash(script, "webpool run --inputs /proc/meminf"), "/proc/meminfo\n");
  EXPECT_EQ(script.find("--names "), script.find("--names all"))
      << "hidden options are not offered";
}

TEST(Completion, BashAsksTheProgramForTheNamesOfModels) {
  Context context;
  Action action;
  const auto app = makeApp(context, action);
  const auto script = completionScript(*app, "bash");
  // Says what it was asked, as if that were the names.
  const auto* fake = R"(fakeWebpool() { printf 'asked\n%s\n' "$*" | tr ' ' '_'; })";
  EXPECT_EQ(completeInBash(script, "fakeWebpool run --model ''", fake),
            "asked\nmodels_list_--names_all\n");
  EXPECT_EQ(completeInBash(script, "fakeWebpool models show m", fake),
            "models_list_--names_here\n");
  EXPECT_EQ(completeInBash(script, "fakeWebpool run -m /proc/meminf", fake), "/proc/meminfo\n");
}

}  // namespace
}  // namespace webpool::cli

// Whatever ends a run, nothing of it stays: no process, no ephemeral folder.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "cli_harness.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

class Lifetime : public CliTest {
 protected:
  void SetUp() override { ensureModel("all-minilm-l6-v2", "q4"); }

  /// A run that goes on until it is ended, at the moment its browser has connected.
  std::unique_ptr<Running> startLongRun() {
    auto running = start({"-v", "run", "--ephemeral", "--model", "all-minilm-l6-v2", "--backend",
                          "wasm", "--repeat", "1000000", "hello"});
    EXPECT_TRUE(running->waitForOutput("worker ready"));
    EXPECT_FALSE(leftProcesses().empty());
    EXPECT_EQ(leftFolders().size(), 1u);
    return running;
  }
};

TEST_F(Lifetime, SuccessLeavesNothing) {
  EXPECT_EQ(run({"run", "--ephemeral", "--model", "all-minilm-l6-v2", "hello"}).code, 0);
  expectNothingLeft();
}

TEST_F(Lifetime, CtrlCLeavesNothing) {
  auto running = startLongRun();
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
  expectNothingLeft();
}

TEST_F(Lifetime, SigtermDuringTheLaunchLeavesNothing) {
  auto running = start({"-v", "run", "--ephemeral", "--model", "all-minilm-l6-v2", "hello"});
  EXPECT_TRUE(running->waitForOutput("browser started"));
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
  expectNothingLeft();
}

TEST_F(Lifetime, AfterKillMinusNineTheNextStartSweeps) {
  auto running = startLongRun();
  running->signal(SIGKILL);
  EXPECT_EQ(running->wait().code, 128 + SIGKILL);
  // The kernel ends the browser with its parent; the folder waits for the next start.
  EXPECT_EQ(leftFolders().size(), 1u);
  EXPECT_EQ(run({"run", "--ephemeral", "--model", "all-minilm-l6-v2", "hello"}).code, 0);
  expectNothingLeft();
}

TEST_F(Lifetime, TwoAtOnceShareTheStoreAndTakeASlotEach) {
  const std::vector<std::string> command{"run", "--model", "all-minilm-l6-v2", "--json", "hello"};
  auto first = start(command);
  auto second = start(command);
  const auto one = first->wait();
  const auto two = second->wait();
  ASSERT_EQ(one.code, 0) << one.err;
  ASSERT_EQ(two.code, 0) << two.err;
  EXPECT_EQ(one.json().at("cid"), two.json().at("cid"));
  EXPECT_EQ(leftProcesses(), std::vector<std::string>{});
}

}  // namespace
}  // namespace webpool::functional

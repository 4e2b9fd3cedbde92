#include "cli/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <semaphore>

namespace webpool::cli {
namespace {

class SignalWatchTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  void TearDown() override {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    signal(SIGPIPE, SIG_DFL);
  }
  sigset_t before_{};
};

TEST_P(SignalWatchTest, AsksForTheOrdinaryEnd) {
  const SignalWatch watch;
  EXPECT_EQ(watch.received(), 0);
  std::binary_semaphore stopped(0);
  const std::stop_callback callback(watch.token(), [&stopped] { stopped.release(); });
  ASSERT_EQ(kill(getpid(), GetParam()), 0);
  stopped.acquire();
  EXPECT_EQ(watch.received(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Each, SignalWatchTest, testing::Values(SIGINT, SIGTERM, SIGHUP, SIGQUIT),
                         [](const auto& each) { return std::string(sigabbrev_np(each.param)); });

}  // namespace
}  // namespace webpool::cli

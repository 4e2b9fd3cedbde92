// A run whose browser stands still is answered by another one.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "webpool/pool.h"
#include "webpool/stats.h"

namespace webpool::functional {
namespace {

struct ProcessStat {
  char state = 0;
  pid_t parent = 0;
};

/// Nothing of one that has ended.
ProcessStat statOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  ProcessStat stat;
  const auto end = text.rfind(')');
  if (end != std::string::npos) {
    std::sscanf(text.c_str() + end + 1, " %c %d", &stat.state, &stat.parent);
  }
  return stat;
}

/// The process and all that came of it.
std::vector<pid_t> treeOf(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().native();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    children.emplace(statOf(std::stoi(name)).parent, std::stoi(name));
  }
  std::vector<pid_t> tree{root};
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const auto [begin, end] = children.equal_range(tree[i]);
    for (auto child = begin; child != end; ++child) tree.push_back(child->second);
  }
  return tree;
}

class StandingStill {
 public:
  explicit StandingStill(pid_t root) : pids_(treeOf(root)) {
    for (const auto pid : pids_) ::kill(pid, SIGSTOP);
    // On a busy machine it takes a while until a process gets to know that.
    for (const auto pid : pids_) {
      while (!std::string_view("TZX").contains(statOf(pid).state) && statOf(pid).state != 0) {
        std::this_thread::yield();
      }
    }
  }
  ~StandingStill() {
    for (const auto pid : pids_) ::kill(pid, SIGCONT);
  }
  StandingStill(const StandingStill&) = delete;
  StandingStill& operator=(const StandingStill&) = delete;

 private:
  std::vector<pid_t> pids_;
};

class Hedging : public CliTest {
 protected:
  void SetUp() override {
    auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                    .cacheFolder = folder() / "cache",
                                    .browsers = {"chromium"},
                                    .maxConnections = 2,
                                    .warmSpares = 1,
                                    .maxBatch = 1,
                                    .ephemeral = true});
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
    const std::filesystem::path file = folder() / "identity.onnx";
    std::ofstream(file) << onnx::testing::identityModel(DataType::Fp32, {"batch", "width"});
    auto model = pool_->load(file.native(), {.backend = Backend::Wasm});
    ASSERT_TRUE(model) << model.error().describe();
    model_.emplace(std::move(*model));
  }

  void TearDown() override {
    model_.reset();
    pool_.reset();
    expectNothingLeft();
  }

  Result<Inference> call() {
    const std::array<float, 2> values{float(++calls_), 1};
    return model_->run(
        {Tensor::of<float>(model_->info().inputs.at(0).name, DataType::Fp32, {1, 2}, values)});
  }

  /// Calls until each of both browsers has answered so many.
  void teach(unsigned count) {
    std::map<std::string, unsigned> answers;
    std::vector<std::jthread> callers;
    std::mutex mutex;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([&] {
        while (true) {
          {
            const std::lock_guard lock(mutex);
            if (answers.size() == 2 && std::ranges::all_of(answers, [&](const auto& answer) {
                  return answer.second >= count;
                })) {
              return;
            }
          }
          std::array<float, 2> values{};
          {
            const std::lock_guard lock(mutex);
            values = {float(++calls_), 1};
          }
          const auto answer = model_->run({Tensor::of<float>(model_->info().inputs.at(0).name,
                                                             DataType::Fp32, {1, 2}, values)});
          ASSERT_TRUE(answer) << answer.error().describe();
          const std::lock_guard lock(mutex);
          ++answers[answer->ranOn.connection];
        }
      });
    }
    callers.clear();
  }

  pid_t pidOf(const std::string& connection) const {
    for (const auto& one : pool_->connections()) {
      if (one.label == connection) return one.pid;
    }
    return 0;
  }

  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> model_;
  unsigned calls_ = 0;
};

TEST_F(Hedging, ALateRunIsAnsweredByAnotherBrowser) {
  teach(300);
  // The one that gets the next call when nothing else runs.
  const auto first = call();
  ASSERT_TRUE(first) << first.error().describe();
  const auto chosen = first->ranOn.connection;
  {
    const StandingStill still(pidOf(chosen));
    const auto began = std::chrono::steady_clock::now();
    const auto answer = call();
    ASSERT_TRUE(answer) << answer.error().describe();
    EXPECT_NE(answer->ranOn.connection, chosen);
    EXPECT_GE(pool_->calls().at(0).hedged, 1U);
    EXPECT_EQ(answer->outputs.at(0).as<float>()[0], float(calls_));
    // Not only when its heartbeats were missed, which takes 20 s.
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  }
  // It goes on, and the run that came too late has cost it nothing.
  teach(1);
  for (const auto& connection : pool_->connections()) EXPECT_EQ(connection.launches, 1U);
}

}  // namespace
}  // namespace webpool::functional

// Faults while a model loads or runs: a typed, clear error, nothing lost, nothing left.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "browser_control.h"
#include "cli_harness.h"
#include "onnx/testing/model_builder.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

class Faults : public CliTest {
 protected:
  std::filesystem::path cache() const { return folder() / "cache"; }

  std::unique_ptr<Running> startLongRun() {
    ensureModel("all-minilm-l6-v2", "q4");
    return start({"-v", "run", "--ephemeral", "--model", "all-minilm-l6-v2", "--backend", "wasm",
                  "--repeat", "1000000", "hello"});
  }

  /// One job of many seconds.
  std::unique_ptr<Running> startLongJob() {
    ensureModel("all-minilm-l6-v2", "q4");
    std::string text;
    for (int i = 0; i < 200; ++i) text += "word ";
    std::string input;
    for (int i = 0; i < 64; ++i) input += text + "\n";
    return start({"-v", "run", "--ephemeral", "--model", "all-minilm-l6-v2", "--backend", "wasm"},
                 input);
  }

  pid_t killBrowser() {
    const auto pid = findBrowser(cache()).main;
    EXPECT_GT(pid, 0);
    if (pid > 0) kill(pid, SIGKILL);
    return pid;
  }

  /// The job that was lost is tried again, in a new browser, and the run goes on.
  void expectRecovery(Running& running) {
    ASSERT_TRUE(running.waitForOutput("(try 2)")) << running.wait().err;
    running.signal(SIGINT);
    const auto result = running.wait();
    EXPECT_EQ(result.code, 130) << result.err;
    expectNothingLeft();
  }
};

TEST_F(Faults, ABrowserKilledWhileItLoadsIsReplaced) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto running = start({"-v", "run", "--ephemeral", "--model", "all-minilm-l6-v2", "--backend",
                        "wasm", "--json", "hello"});
  ASSERT_TRUE(running->waitForOutput("load sent"));
  const auto killed = killBrowser();
  const auto result = running->wait();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("pid " + std::to_string(killed)));
  EXPECT_EQ(result.json().at("embeddings").as_array().size(), 1U);
  expectNothingLeft();
}

TEST_F(Faults, ABrowserKilledWhileItRunsIsReplaced) {
  auto running = startLongRun();
  ASSERT_TRUE(running->waitForOutput("job sent"));
  killBrowser();
  expectRecovery(*running);
}

TEST_F(Faults, ARendererKilledWhileItRunsIsReplaced) {
  auto running = startLongRun();
  ASSERT_TRUE(running->waitForOutput("job sent"));
  const auto renderers = findBrowser(cache()).renderers;
  ASSERT_FALSE(renderers.empty());
  for (const auto pid : renderers) kill(pid, SIGKILL);
  expectRecovery(*running);
}

TEST_F(Faults, APageClosedWhileItRunsIsReplaced) {
  environment_["WEBPOOL_BROWSER_FLAGS"] = "--remote-debugging-port=0";
  auto running = startLongRun();
  ASSERT_TRUE(running->waitForOutput("job sent"));
  ASSERT_TRUE(closePages(cache()));
  expectRecovery(*running);
}

TEST_F(Faults, AJobThatTwoBrowsersDieUnderIsGivenUp) {
  auto running = startLongJob();
  ASSERT_TRUE(running->waitForOutput("(try 1)"));
  const auto first = killBrowser();
  ASSERT_TRUE(running->waitForOutput("(try 2)"));
  EXPECT_NE(killBrowser(), first);
  const auto result = running->wait();
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("[worker_lost]"));
  EXPECT_THAT(result.err, HasSubstr("browsers were lost under this job"));
  EXPECT_THAT(result.err, testing::Not(HasSubstr("(try 3)")));
  expectNothingLeft();
}

TEST_F(Faults, AnFp16ModelOnAnAdapterWithoutShaderF16) {
  const auto path = write("half.onnx", onnx::testing::matMulModel(DataType::Fp16, 4, 4));
  const auto input = write("in.json", R"({"x": [[1, 2, 3, 4]]})");
  const auto refused =
      run({"run", "--model", path, "--inputs", input, "--backend", "webgpu", "--ephemeral"});
  EXPECT_EQ(refused.code, 6) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("shader-f16"));
  EXPECT_THAT(refused.err, HasSubstr("[unsupported]"));
  expectNothingLeft();
}

TEST_F(Faults, ALeafThatDoesNotMatchIsRefused) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto path = write("big.onnx", onnx::testing::matMulModel(DataType::Fp32, 1024, 1024));
  ASSERT_EQ(run({"models", "add", path, "--name", "big"}).code, 0);
  // One bit of a weight in the store's copy rots, and nothing of the file's times tells.
  bool changed = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder() / "data")) {
    if (!entry.is_regular_file() || entry.file_size() != std::filesystem::file_size(path)) continue;
    struct stat before{};
    ASSERT_EQ(stat(entry.path().c_str(), &before), 0);
    ASSERT_EQ(chmod(entry.path().c_str(), 0600), 0);
    const int fd = open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    char byte = 0;
    ASSERT_EQ(pread(fd, &byte, 1, 2'500'000), 1);
    byte ^= 1;
    ASSERT_EQ(pwrite(fd, &byte, 1, 2'500'000), 1);
    ASSERT_EQ(fchmod(fd, before.st_mode & 07777), 0);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(futimens(fd, times), 0);
    close(fd);
    changed = true;
  }
  ASSERT_TRUE(changed);
  std::string row = "[0";
  for (int i = 1; i < 1024; ++i) row += ",0";
  const std::vector<std::string> command{"run",
                                         "--model",
                                         "big",
                                         "--backend",
                                         "wasm",
                                         "--inputs",
                                         write("in.json", "{\"x\": [" + row + "]]}"),
                                         "--ephemeral"};
  // Found by the page, which hashes what comes, and then by the store, which no longer sends it.
  for (const char* which : {"first", "second"}) {
    SCOPED_TRACE(which);
    const auto result = run(command);
    EXPECT_EQ(result.code, 7) << result.out << result.err;
    EXPECT_THAT(result.err, HasSubstr("[integrity]"));
    EXPECT_THAT(result.err, HasSubstr("the model 'big' is damaged here"));
    EXPECT_THAT(result.err, HasSubstr("webpool content fetch "));
    EXPECT_THAT(result.err, HasSubstr("adding the model again"));
  }
  // The step that it names.
  ASSERT_EQ(run({"models", "add", path, "--name", "big"}).code, 0);
  const auto mended = run(command);
  EXPECT_EQ(mended.code, 0) << mended.out << mended.err;
  expectNothingLeft();
}

TEST_F(Faults, PortInUse) {
  ensureModel("all-minilm-l6-v2", "q4");
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  socklen_t length = sizeof(address);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const auto port = std::to_string(ntohs(address.sin_port));
  const auto result = run({"run", "--model", "all-minilm-l6-v2", "--port", port, "hello"});
  EXPECT_EQ(result.code, 10);
  EXPECT_THAT(result.err, HasSubstr(port));
  EXPECT_THAT(result.err, HasSubstr("[port_in_use]"));
  close(fd);
}

TEST_F(Faults, AProfileFolderThatCannotBeWritten) {
  environment_["WEBPOOL_CACHE_DIR"] = write("file", "in the way") / "cache";
  const auto result = run({"run", "--model", "all-minilm-l6-v2", "hello"});
  EXPECT_EQ(result.code, 7) << result.err;
  EXPECT_THAT(result.err, HasSubstr((folder() / "file").native()));
}

}  // namespace
}  // namespace webpool::functional

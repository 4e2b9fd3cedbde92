// Faults while a model loads or runs: a typed, clear error, nothing lost, nothing left.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "browser_control.h"
#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "serve_harness.h"
#include "store/testing/test_store.h"

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

/// With a store of its own, of which one bit rots.
class DamagedModel : public ServeTest {
 protected:
  void SetUp() override { environment_["WEBPOOL_DATA_DIR"] = data(); }
  std::filesystem::path data() const { return folder() / "data"; }

  /// In the only stored file of that size, or in the largest; nothing of its times tells.
  static void damageFile(const std::filesystem::path& data, std::uintmax_t size = 0) {
    std::filesystem::path found;
    for (const auto& entry : std::filesystem::directory_iterator(data / "store/files")) {
      const bool better = size == 0 ? found.empty() || entry.file_size() > file_size(found)
                                    : entry.file_size() == size;
      if (better) found = entry.path();
    }
    ASSERT_FALSE(found.empty());
    store::damage(found, file_size(found) / 2);
  }

  /// Of a matrix of 4 MiB: the bit is one of its weights.
  std::string ownModel() const {
    return write("big.onnx", onnx::testing::matMulModel(DataType::Fp32, 1024, 1024));
  }
  std::vector<std::string> runOwn() const {
    std::string row = "[0";
    for (int i = 1; i < 1024; ++i) row += ",0";
    return {"run",
            "--model",
            "big",
            "--backend",
            "wasm",
            "--inputs",
            write("in.json", "{\"x\": [" + row + "]]}"),
            "--ephemeral"};
  }
};

TEST_F(DamagedModel, ALeafThatDoesNotMatchIsRefused) {
  const auto path = ownModel();
  ASSERT_EQ(run({"models", "add", path, "--name", "big"}).code, 0);
  damageFile(data(), std::filesystem::file_size(path));
  const auto command = runOwn();
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

TEST_F(DamagedModel, ALeafThatDoesNotMatchIsFetchedAnewFromAPeer) {
  const auto path = ownModel();
  ASSERT_EQ(run({"models", "add", path, "--name", "big"}).code, 0);
  std::filesystem::copy(data(), folder() / "whole", std::filesystem::copy_options::recursive);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "whole";
  auto peer = start({"content", "serve", "--json", "--listen", "127.0.0.1:0"});
  ASSERT_TRUE(waitForEvent(*peer, "gateway")) << peer->soFar().err;
  environment_["WEBPOOL_DATA_DIR"] = data();
  environment_["WEBPOOL_PEER"] = std::string(event(*peer, "gateway").at("url").as_string());

  damageFile(data(), std::filesystem::file_size(path));
  const auto mended = run(runOwn());
  EXPECT_EQ(mended.code, 0) << mended.out << mended.err;
  EXPECT_THAT(mended.err, HasSubstr("the model 'big' is damaged here"));
  EXPECT_THAT(mended.err, HasSubstr("it was fetched anew"));
  const auto verified = run({"content", "verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;

  // The same where that it is damaged is known before.
  damageFile(data(), std::filesystem::file_size(path));
  EXPECT_EQ(run({"content", "verify"}).code, 7);
  const auto again = run(runOwn());
  EXPECT_EQ(again.code, 0) << again.out << again.err;
  peer->signal(SIGINT);
  peer->wait();
  expectNothingLeft();
}

TEST_F(DamagedModel, ALeafOfACatalogueModelIsFetchedAnewFromItsPackage) {
  ASSERT_EQ(run({"models", "add", "magika"}).code, 0);
  damageFile(data());
  const auto text = write("a.py", "import sys\n\nfor line in sys.stdin:\n    print(line)\n");
  const auto mended = run({"run", "-m", "magika", "--backend", "wasm", "--ephemeral", text});
  EXPECT_EQ(mended.code, 0) << mended.out << mended.err;
  EXPECT_THAT(mended.err, HasSubstr("the model 'magika' is damaged here"));
  EXPECT_THAT(mended.err, HasSubstr("it was fetched anew"));
  EXPECT_THAT(mended.out, HasSubstr("python"));
  const auto verified = run({"content", "verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
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

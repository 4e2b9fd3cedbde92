// A browser that its WebDriver brings to the join link: a real driver (WebKitWebDriver), a real
// MiniBrowser, the real desk.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

#include "browsers/launcher.h"
#include "browsers/virtual_display.h"
#include "browsers/webdriver.h"
#include "net/http_client.h"
#include "onnx/testing/model_builder.h"
#include "serve_harness.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

std::uint16_t freePort() {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(
      io, {boost::asio::ip::make_address("127.0.0.1"), std::uint16_t{0}});
  return acceptor.local_endpoint().port();
}

/// The remote end, as another machine would have it: a driver with a display of its own.
class RemoteWebKit {
 public:
  /// `sharedMemory`: its pages have SharedArrayBuffer, which WebKitGTK keeps behind a variable.
  explicit RemoteWebKit(const std::filesystem::path& folder, bool sharedMemory = true)
      : folder_(folder) {
    std::filesystem::create_directories(folder_ / "home");
    const auto authority = folder_ / "xauthority";
    std::ofstream(authority) << browsers::VirtualDisplay::authorityText("0123456789abcdef");
    auto display = browsers::VirtualDisplay::start(
        browsers::Environment::ofThisProcess(),
        {.folder = folder_, .authority = authority, .variables = {}},
        [this](const browsers::SpawnPlan& plan) { return launcher_.spawn(plan); });
    if (!display) throw std::runtime_error(display.error().describe());
    display_.emplace(std::move(*display));
    std::map<std::string, std::string> environment{
        {"HOME", folder_ / "home"},
        {"XDG_DATA_HOME", folder_ / "home/data"},
        {"XDG_CACHE_HOME", folder_ / "home/cache"},
        {"XDG_CONFIG_HOME", folder_ / "home/config"},
        {"XDG_RUNTIME_DIR", folder_},
        {"JSC_useSharedArrayBuffer", sharedMemory ? "1" : "0"},
        {"NO_AT_BRIDGE", "1"},
        {"GTK_A11Y", "none"},
        {"GSETTINGS_BACKEND", "memory"}};
    for (const auto& variable : display_->variables()) {
      const auto equals = variable.find('=');
      environment[variable.substr(0, equals)] = variable.substr(equals + 1);
    }
    const auto port = std::to_string(freePort());
    url_ = "http://127.0.0.1:" + port;
    driver_.emplace(
        std::vector<std::string>{"/usr/bin/WebKitWebDriver", "--host=127.0.0.1", "--port=" + port},
        environment, "");
    while (!http_.request({.url = url_ + "/status"}, {})) {
    }
  }
  ~RemoteWebKit() {
    driver_.reset();
    display_.reset();
  }

  const std::string& url() const { return url_; }

  /// The browsers that the driver started and that run now.
  std::vector<base::FileDescriptor> browsers() const {
    std::vector<base::FileDescriptor> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const auto name = entry.path().filename().native();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const auto pid = std::stoi(name);
      if (pid == driver_->pid() || pid == display_->pid()) continue;
      std::ifstream in(entry.path() / "environ", std::ios::binary);
      std::ostringstream text;  // by iterators it would throw where the process has just ended
      text << in.rdbuf();
      const auto environment = text.str();
      if (environment.find("HOME=" + folder_.native()) == std::string::npos) continue;
      base::FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      if (pidfd.valid()) found.push_back(std::move(pidfd));
    }
    return found;
  }

 private:
  std::filesystem::path folder_;
  browsers::Launcher launcher_;
  std::optional<browsers::VirtualDisplay> display_;
  std::optional<Running> driver_;
  net::HttpClient http_;
  std::string url_;
};

class WebDriver : public ServeTest {
 protected:
  bool hasRecords() const {
    std::error_code none;
    return std::filesystem::directory_iterator(folder() / "data/join/webdriver", none) !=
           std::filesystem::directory_iterator();
  }
};

constexpr std::chrono::minutes kPatience{2};

TEST_F(WebDriver, BrowserOfAnotherDriverJoinsAndIsLetGo) {
  RemoteWebKit remote(folder() / "remote");
  auto running = startServe({"--webdriver", remote.url()});
  ASSERT_TRUE(waitForEvent(*running, "webdriver_agreed")) << running->soFar().err;
  EXPECT_EQ(event(*running, "webdriver_agreed").at("remote").as_string(), remote.url());
  ASSERT_TRUE(waitForEvent(*running, "joined")) << running->soFar().err;
  const auto joined = event(*running, "joined");
  EXPECT_EQ(joined.at("browser"), "WebKitGTK");
  EXPECT_EQ(joined.at("trust"), "joined");
  EXPECT_TRUE(hasRecords());
  const auto browsers = remote.browsers();
  EXPECT_FALSE(browsers.empty());

  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
  EXPECT_TRUE(browsers::waitForAll(browsers, kPatience)) << "the session's browser is still there";
  EXPECT_FALSE(hasRecords());
  expectNothingLeft();
}

TEST_F(WebDriver, ABrowserWithoutSharedMemoryServesToo) {
  const auto path = write("model.onnx", onnx::testing::matMulModel(DataType::Fp32, 4, 4));
  RemoteWebKit remote(folder() / "remote", false);
  auto running = startServe({"--webdriver", remote.url(), "--model", path.native()});
  ASSERT_TRUE(waitForEvent(*running, "model")) << running->soFar().out << running->soFar().err;
  EXPECT_EQ(event(*running, "model").at("trust"), "joined");
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
}

TEST_F(WebDriver, SessionOfAKilledRunIsEndedByTheNext) {
  RemoteWebKit remote(folder() / "remote");
  {
    auto running = startServe({"--webdriver", remote.url()});
    ASSERT_TRUE(waitForEvent(*running, "webdriver_agreed")) << running->soFar().err;
    running->signal(SIGKILL);
    EXPECT_EQ(running->wait().code, 128 + SIGKILL);
  }
  const auto browsers = remote.browsers();
  EXPECT_FALSE(browsers.empty()) << "nothing tells the driver that webpool died";
  EXPECT_TRUE(hasRecords());

  auto next = startServe({"--webdriver", remote.url()});
  ASSERT_TRUE(waitForEvent(*next, "joined")) << next->soFar().err;
  EXPECT_EQ(event(*next, "webdriver_swept").at("remote").as_string(), remote.url());
  EXPECT_TRUE(browsers::waitForAll(browsers, kPatience));
  next->signal(SIGTERM);
  EXPECT_EQ(next->wait().code, 143);
  EXPECT_FALSE(hasRecords());
}

TEST_F(WebDriver, BrowserThatIsInUseIsSaidSo) {
  RemoteWebKit remote(folder() / "remote");
  net::HttpClient http;
  const auto other = browsers::WebDriverSession::open(http, remote.url(), {}, {});
  ASSERT_TRUE(other) << other.error().describe();
  auto running = startServe({"--webdriver", remote.url()});
  ASSERT_TRUE(waitForEvent(*running, "webdriver_failed")) << running->soFar().err;
  const auto failed = event(*running, "webdriver_failed");
  EXPECT_EQ(failed.at("category"), "busy") << failed;
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130) << "the desk is open to others all the same";
  EXPECT_TRUE((*other)->navigate("about:blank", {})) << "the other's session goes on";
}

TEST_F(WebDriver, WrongUseIsNamed) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  EXPECT_EQ(run({"serve", "--webdriver", "http://127.0.0.1:4444"}).code, 2) << "needs --join";
  const auto wrong = run({"serve", "--join", "--no-browser", "--webdriver", "mac.local:4444"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("http://"));
  auto running = startServe({"--webdriver", "http://127.0.0.1:" + std::to_string(freePort())});
  ASSERT_TRUE(waitForEvent(*running, "webdriver_failed"));
  EXPECT_EQ(event(*running, "webdriver_failed").at("category"), "fetch");
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
}

}  // namespace
}  // namespace webpool::functional

#include "visitor.h"

#include <signal.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace webpool::functional {
namespace {

std::vector<std::string> command(const std::string& chromium, const std::filesystem::path& folder,
                                 const std::string& url) {
  std::vector<std::string> words{chromium,
                                 "--headless=new",
                                 "--remote-debugging-port=0",
                                 "--ignore-certificate-errors",
                                 "--disable-background-networking",
                                 "--disable-component-update",
                                 "--disable-sync",
                                 "--no-first-run",
                                 "--no-default-browser-check",
                                 "--disable-quic",
                                 "--disable-background-timer-throttling",
                                 "--disable-renderer-backgrounding",
                                 "--user-data-dir=" + folder.native()};
  if (::geteuid() == 0) words.emplace_back("--no-sandbox");
  words.push_back(url);
  return words;
}

std::filesystem::path made(std::filesystem::path folder) {
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace

Visitor::Visitor(const std::string& chromium, const std::filesystem::path& folder,
                 const std::string& url)
    : browser_(command(chromium, folder, url),
               {{"HOME", folder.native()}, {"TMPDIR", made(folder / "tmp").native()}}, "") {
  if (!browser_.waitForOutput("/devtools/browser/")) {
    throw std::runtime_error("the visitor's browser did not start");
  }
  static constexpr std::string_view kBefore = "DevTools listening on ws://127.0.0.1:";
  const auto& said = browser_.soFar().err;
  const int port = std::stoi(said.substr(said.find(kBefore) + kBefore.size()));
  net::RawClient http(static_cast<std::uint16_t>(port));
  const auto host = "127.0.0.1:" + std::to_string(port);
  std::string path;
  while (path.empty()) {  // the page's target comes a moment after the port
    const auto targets = boost::json::parse(http.get("/json/list", host).body);
    for (const auto& target : targets.as_array()) {
      if (target.at("type") != "page") continue;
      const std::string address(target.at("webSocketDebuggerUrl").as_string());
      path = address.substr(address.find('/', std::string_view("ws://").size()));
    }
  }
  socket_ = std::make_unique<net::WebSocketClient>(static_cast<std::uint16_t>(port));
  if (socket_->handshake(host, path, "")) throw std::runtime_error("no debugging connection");
  socket_->stream().text(true);
}

Visitor::~Visitor() {
  browser_.signal(SIGTERM);
  browser_.wait();
}

boost::json::object Visitor::call(const std::string& method, boost::json::object parameters) {
  const int id = ++lastId_;
  socket_->send(boost::json::serialize(
      boost::json::object{{"id", id}, {"method", method}, {"params", std::move(parameters)}}));
  while (true) {
    const auto text = socket_->receive();
    if (text.empty()) throw std::runtime_error("the visitor's browser is gone");
    auto message = boost::json::parse(text).as_object();
    if (const auto* answered = message.if_contains("id"); answered && *answered == id) {
      return message;
    }
  }
}

std::string Visitor::evaluate(const std::string& expression) {
  const auto answer =
      call("Runtime.evaluate",
           {{"expression", expression}, {"awaitPromise", true}, {"returnByValue", true}});
  const auto* result = answer.if_contains("result");
  // A page that is just being left has no world to evaluate in.
  if (result == nullptr || result->as_object().contains("exceptionDetails")) return "";
  const auto* value = result->at("result").as_object().if_contains("value");
  if (value == nullptr) return "";
  return value->is_string() ? std::string(value->as_string()) : boost::json::serialize(*value);
}

void Visitor::waitUntil(const std::string& expression) {
  const auto promise =
      "new Promise((done) => { const look = () => { let holds = false; try { holds = !!(" +
      expression + "); } catch {} if (holds) done(true); else setTimeout(look, 20); }; look(); })";
  while (evaluate(promise) != "true") {
  }
}

}  // namespace webpool::functional

// A FAKE, used by tests only: no browser, but a program that is launched as one and speaks the
// page's side of docs/protocol.md, in order to misbehave as no real page does. It computes y = x
// and nothing else. A run whose first number is kMisbehaveOn is the one that it misbehaves on; all
// others it answers rightly, so that it passes the checks before serving.
//
//   WEBPOOL_MISBEHAVE       how (kinds below)
//   WEBPOOL_MISBEHAVE_MARK  a file that is made when it does; where it is there already, it
//   behaves.
//                           With ".cancelled" or ".withdrawn": the pool said so of that run; with
//                           ".together": it failed on a run of several rows
#include "misbehaving_browser.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.h"
#include "wire/messages.h"

namespace webpool::functional {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// What a browser does whose page is over: it stays, until it is ended.
[[noreturn]] void stay() {
  while (true) ::pause();
}

class MisbehavingPage {
 public:
  explicit MisbehavingPage(const std::string& url) : socket_(context_) {
    const auto host = url.substr(url.find("//") + 2, url.find("/worker/") - url.find("//") - 2);
    const auto port = static_cast<std::uint16_t>(std::stoi(host.substr(host.find(':') + 1)));
    socket_.next_layer().connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
    socket_.set_option(websocket::stream_base::decorator([host](websocket::request_type& request) {
      request.set(boost::beast::http::field::origin, "http://" + host);
    }));
    socket_.auto_fragment(false);
    socket_.binary(true);
    socket_.read_message_max(0);
    socket_.handshake(host, "/worker/socket");
    wire::Hello hello;
    constexpr std::string_view kToken = "token=";
    hello.token = url.substr(url.find(kToken) + kToken.size(), 32);
    hello.pageVersion = "misbehaving_browser";
    hello.capabilities.browser = {"misbehaving_browser", "misbehaving_browser", "0"};
    hello.capabilities.crossOriginIsolated = true;
    hello.capabilities.wasmSimd = true;
    hello.capabilities.workers = true;
    send(hello);
  }

  /// Until the connection is over.
  void serve() {
    while (true) {
      boost::beast::flat_buffer buffer;
      boost::system::error_code error;
      socket_.read(buffer, error);
      if (error) return;
      auto frame =
          wire::decodePoolMessage(Bytes::adopt(boost::beast::buffers_to_string(buffer.data())));
      if (!frame) throw std::runtime_error(frame.error().describe());
      if (*frame) std::visit([this](auto& message) { handle(message); }, (*frame)->message);
    }
  }

 private:
  void handle(const wire::Welcome&) {}
  void handle(const wire::Ping& message) { send(wire::Pong{message.id}); }
  void handle(const wire::Close&) {}
  void handle(const wire::Peers&) {}
  void handle(const wire::Signal&) {}
  void handle(const wire::Unload& message) { send(wire::Unloaded{message.id}); }
  void handle(const wire::StatsRequest& message) { send(wire::Stats{message.id, {}, {}}); }
  void handle(const wire::Check& message) { send(wire::Checked{message.id, true, 0, ""}); }
  void handle(const wire::EchoRequest& message) {
    send(wire::EchoResult{message.id, message.inputs});
  }
  void handle(const wire::Drain& message) { send(wire::Drained{message.id}); }

  void handle(const wire::Load& message) {
    isText_ = message.task == "text-embedding";
    wire::Loaded loaded;
    loaded.id = message.id;
    loaded.model = message.model;
    loaded.backend = message.backend;
    loaded.inputs = {{"x", DataType::Fp32, {-1, 4}}};
    loaded.outputs = {{"y", DataType::Fp32, {-1, 4}}};
    send(loaded);
  }

  void handle(const wire::Run& message) {
    if (isText_) return send(embedding(message));  // an identity can't embed: always wrong
    if (held_) send(*std::exchange(held_, std::nullopt));
    if (kind_ == "internal" && isBadFor(message)) return fail(message);
    if (broken_) return fail(message);
    wire::RunResult result{message.id, message.inputs, {}};
    for (auto& tensor : result.outputs) tensor.name = "y";
    const auto& x = message.inputs.at(0);
    const bool asked = x.type == DataType::Fp32 && !x.data.empty() &&
                       x.as<float>().front() == kMisbehaveOn && mayMisbehave();
    if (!asked) return send(result);
    if (kind_ == "late" || kind_ == "waiting" || kind_ == "begun") {
      held_ = std::move(result);
    } else if (kind_ == "gone") {
      send(wire::Failure{
          message.id, {ErrorCategory::NotFound, "no such model", ""}, {message.model}});
    } else if (kind_ == "broken") {
      broken_ = true;  // whatever it is asked from now on
      fail(message);
    } else if (kind_ == "twice") {
      send(result);
      send(result);
    } else if (kind_ == "deaf") {
      stay();  // the connection stays open, and nobody reads it
    } else if (kind_ == "garbage") {
      const std::string bytes = "no frame, though as long as the beginning of one";
      socket_.write(asio::buffer(bytes));
    } else if (kind_ == "unasked") {
      result.id += 1000;
      send(result);
    } else if (kind_ == "shape") {
      result.outputs.at(0).shape = {static_cast<std::int64_t>(x.as<float>().size())};
      send(result);
    } else {
      throw std::runtime_error("no such misbehaviour: " + kind_);
    }
  }

  /// As a runtime that can't take the inputs of one of the calls, and can't say so.
  static bool isBadFor(const wire::Run& message) {
    const auto& x = message.inputs.at(0);
    if (x.type != DataType::Fp32) return false;
    const auto numbers = x.as<float>();
    for (std::size_t row = 0; row < numbers.size(); row += 4) {
      if (numbers[row] == kMisbehaveOn) return true;
    }
    return false;
  }

  void fail(const wire::Run& message) {
    if (message.inputs.at(0).shape.at(0) > 1) note(".together");
    send(wire::Failure{message.id, {ErrorCategory::Internal, "the runtime broke off", ""}, {}});
  }

  /// It has let the run go, and answers it all the same, later.
  void handle(const wire::Cancel& message) {
    if (!held_ || held_->id != message.id) return;
    note(".cancelled");
    send(wire::Failure{message.id, {ErrorCategory::Cancelled, "cancelled", ""}, {}});
  }

  /// Of the kind "late" it goes on, as one that has begun and takes long.
  void handle(const wire::Withdraw& message) {
    if (!held_ || held_->id != message.id) return;
    note(".withdrawn");
    if (kind_ == "begun") send(*std::exchange(held_, std::nullopt));
    if (kind_ != "waiting") return;
    held_.reset();
    send(wire::Failure{message.id, {ErrorCategory::Cancelled, "cancelled", ""}, {}});
  }

  void note(const std::string& what) const {
    if (mark_.empty()) return;
    const int fd = ::open((mark_ + what).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) ::close(fd);
  }

  wire::RunResult embedding(const wire::Run& message) const {
    const auto rows = message.inputs.at(0).shape.at(0);
    const std::int64_t width = kind_ == "shape" ? 383 : 384;
    const std::vector<float> wrong(static_cast<std::size_t>(rows * width), 0.05F);
    return {message.id, {Tensor::of<float>("embedding", DataType::Fp32, {rows, width}, wrong)}, {}};
  }

  /// Once, where there is a file to remember it by.
  bool mayMisbehave() const {
    if (mark_.empty()) return true;
    const int fd = ::open(mark_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    ::close(fd);
    return true;
  }

  void send(const wire::PageMessage& message) {
    const auto pieces = wire::encodeMessage(message);
    if (!pieces) throw std::runtime_error(pieces.error().describe());
    const auto frame = wire::joinFrame(*pieces);
    boost::system::error_code ended;  // then reading ends too
    socket_.write(asio::buffer(frame.data(), frame.size()), ended);
  }

  asio::io_context context_;
  websocket::stream<tcp::socket> socket_;
  const std::string kind_ = variable("WEBPOOL_MISBEHAVE");
  const std::string mark_ = variable("WEBPOOL_MISBEHAVE_MARK");
  bool isText_ = false;
  bool broken_ = false;
  std::optional<wire::RunResult> held_;
};

int main(const std::vector<std::string_view>& arguments) {
  for (const auto argument : arguments) {
    if (argument == "--version") {
      std::puts("Chromium 999.0 (misbehaving_browser, a fake of webpool's tests)");
      return 0;
    }
  }
  for (const auto argument : arguments) {
    const auto http = argument.find("http://");
    if (http == std::string_view::npos || !argument.contains("#token=")) continue;
    MisbehavingPage(std::string(argument.substr(http))).serve();
    stay();
  }
  std::fputs("misbehaving_browser: no page to open\n", stderr);
  return 2;
}

}  // namespace
}  // namespace webpool::functional

int main(int argc, char** argv) {
  try {
    return webpool::functional::main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "misbehaving_browser: %s\n", error.what());
    return 1;
  }
}

#include "bare_browser.h"

#include <spdlog/sinks/null_sink.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <chrono>

#include "failure.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

constexpr std::chrono::seconds kLaunchLimit{60};

std::unique_ptr<pool::BrowserHost> openHost(const std::filesystem::path& cacheFolder) {
  PoolOptions options;
  options.cacheFolder = cacheFolder;
  auto silent =
      std::make_shared<spdlog::logger>("bare", std::make_shared<spdlog::sinks::null_sink_mt>());
  return valueOf(pool::BrowserHost::open(options, std::move(silent)));
}

}  // namespace

BareBrowser::BareBrowser(BareServer& server, const std::string& page,
                         const std::filesystem::path& cacheFolder)
    : host_(openHost(cacheFolder)) {
  const auto name = valueOf(host_->names()).front();  // Finding it is no part of launching it.
  const Stopwatch watch;
  browser_.emplace(valueOf(host_->launch(name, 0, server.origin() + page)));
  page_ = server.nextPage(kLaunchLimit);
  launchMs_ = watch.milliseconds();
}

std::filesystem::path BareBrowser::program() const {
  return browser_->browser.path;
}

void BareBrowser::roundTrips(const Bytes& message, unsigned count, unsigned inFlight) {
  const boost::asio::const_buffer bytes(message.data(), message.size());
  unsigned sent = 0;
  for (; sent < std::min(inFlight, count); ++sent) page_->write(bytes);
  for (unsigned received = 0; received < count; ++received) {
    read();
    if (sent == count) continue;
    page_->write(bytes);
    ++sent;
  }
}

std::string BareBrowser::ask(const std::string& line) {
  page_->text(true);
  page_->write(boost::asio::buffer(line));
  page_->binary(true);
  read();
  return boost::beast::buffers_to_string(buffer_.data());
}

Bytes BareBrowser::lastAnswer() const {
  return Bytes::copyOf(boost::beast::buffers_to_string(buffer_.data()));
}

void BareBrowser::read() {
  buffer_.clear();
  page_->read(buffer_);
}

std::string describeBrowser(const std::filesystem::path& cacheFolder) {
  browsers::BrowserFinder finder(browsers::Environment::ofThisProcess(),
                                 cacheFolder / "browser-versions");
  const auto browser = valueOf(finder.find("auto"));
  return browser.name + " " + browser.version;
}

}  // namespace webpool::bench

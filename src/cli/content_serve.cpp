// `webpool content serve`: the IPFS gateway over the store, alone.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>

#include "api/gateway_routes.h"
#include "cli/content_flags.h"
#include "cli/exit_code.h"
#include "cli/listen_address.h"
#include "cli/open_files.h"
#include "cli/served_content.h"
#include "net/machine_addresses.h"

namespace webpool::cli {
namespace {

constexpr std::uint16_t kUsualPort = 8080;
constexpr std::chrono::seconds kDrain{10};

api::FrontOptions frontOptions(const ContentFlags& flags, const ListenAddress& listen,
                               ServeOutput& output) {
  api::FrontOptions options;
  options.forEverybody = true;
  options.server.address = listen.host;
  options.server.allowedHosts = hostNames(listen.host, flags.names);
  if (!flags.sameOrigin) options.server.openPrefixes = api::gatewayPrefixes();
  options.server.maxConnections = connectionsUnder(raiseOpenFiles());
  options.log = [&output](const api::AccessLine& line) {
    output.line("request",
                {{"id", line.id},
                 {"peer", line.peer},
                 {"method", line.method},
                 {"path", line.path},
                 {"status", line.status},
                 {"seconds", line.seconds}},
                fmt::format("{} {} {} {}", line.peer, line.method, line.path, line.status));
  };
  return options;
}

/// On the usual port where none is given, or any free one where that is taken.
Result<std::unique_ptr<api::Front>> openFront(const ContentFlags& flags,
                                              const ListenAddress& listen, ServeOutput& output) {
  auto options = frontOptions(flags, listen, output);
  options.server.port = listen.port.value_or(kUsualPort);
  auto front = api::Front::open(options);
  if (front || listen.port || front.error().category != ErrorCategory::PortInUse) return front;
  options.server.port = 0;
  return api::Front::open(std::move(options));
}

/// Something that is here, so that the line that is shown can be tried.
std::string exampleCid(const store::ContentStore& store) {
  const auto pins = store.pins();
  return pins && !pins->empty() ? pins->back().cid.text() : "CID";
}

void greet(ServeOutput& output, const ContentFlags& flags, const ListenAddress& listen,
           const ServedContent& content, const std::string& origin,
           const std::vector<std::string>& hosts) {
  boost::json::array urls;
  const auto port = portOfOrigin(origin);
  for (const auto& host : hosts) {
    urls.push_back(boost::json::string(fmt::format("http://{}:{}", net::hostInUrl(host), port)));
  }
  const auto url = urls.empty() ? origin : std::string(urls.front().as_string());
  if (flags.json) {
    return output.line("gateway", {{"url", origin}, {"urls", urls}, {"peer_id", content.peerId()}},
                       "");
  }
  auto text = fmt::format(
      "The IPFS gateway to what is kept here, at {}\n"
      "(/ipfs/CID, ?format=raw and car, /routing/v1). To try it:\n\n"
      "  curl -L {}/ipfs/{}\n\n",
      url, url, exampleCid(content.store()));
  if (!isLoopback(listen.host)) {
    text +=
        "Whoever reaches this address and knows a CID may read what it names, pinned or\n"
        "not, and all below it. Nothing is fetched for anybody.\n";
  }
  output.text(text + "Ctrl-C ends it.\n\n");
}

void waitFor(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait(lock, stop, [] { return false; });
}

}  // namespace

int serveContent(const Context& context, const ContentFlags& flags) {
  if (auto known = base::checkFolder(context.paths.data); !known) {
    return reportError(known.error());
  }
  const auto listen = parseListenAddress(flags.listen);
  if (!listen) return reportError(listen.error());
  ServeOutput output(flags.json);
  const auto content = ServedContent::open(context, flags.scrub, flags.sources, output);
  if (!content) return reportError(content.error());
  auto front = openFront(flags, *listen, output);
  if (!front) return reportError(front.error());
  auto hosts = reachedAddresses(listen->host);
  hosts.insert(hosts.begin(), flags.names.begin(), flags.names.end());
  (*content)->addTo(**front, hosts, true);
  if (isLoopback(listen->host)) {
    (*front)->metrics().read([&served = **content] { return served.gauges(); });
    api::addMetrics(**front);
  }
  greet(output, flags, *listen, **content, (*front)->origin(), hosts);
  waitFor(context.stop);
  (*front)->drain(kDrain);
  return exitCode(ErrorCategory::Cancelled);
}

}  // namespace webpool::cli

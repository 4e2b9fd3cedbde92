// webpool_connections_server: webpool's own server and hub, as a pool puts them together, in a
// process of their own, so that nothing else is in its memory. bench/connections.cpp drives it:
//   "expect N"  lets N pages in; answers N tokens, a line each, and "ready" once all have come
//   "heap"      answers the bytes that the heap has given out
#include <malloc.h>
#include <spdlog/sinks/null_sink.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <thread>

#include "failure.h"
#include "file_limit.h"
#include "net/server.h"
#include "pool/page_hub.h"

namespace webpool::bench {
namespace {

void say(const std::string& line) {
  std::cout << line << std::endl;
}

int main() {
  allowManyFiles();
  net::EventLoop loop;
  pool::PageHub hub(
      loop, base::systemRandom(),
      std::make_shared<spdlog::logger>("silent", std::make_shared<spdlog::sinks::null_sink_mt>()));
  const auto server = valueOf(net::Server::listen(loop, {}));
  // A thousand are devices that joined, not browsers of the user's own, for which the owner of each
  // connection would be looked up.
  hub.serve(*server, "/worker/socket", [](const net::RequestInfo&) { return true; });
  std::size_t missing = 0;
  const auto expect = [&](std::size_t count) {
    missing += count;
    for (; count > 0; --count) {
      say(hub.expect({}, {.ready =
                              [&](const wire::Capabilities&) {
                                if (--missing == 0) say("ready");
                              },
                          .modelsLost = {},
                          .ended =
                              [](const std::optional<Error>& cause) {
                                say("ended: " + (cause ? cause->describe() : "closed"));
                              }})
              .token);
    }
  };
  std::jthread commands([&] {
    for (std::string line; std::getline(std::cin, line);) {
      if (line.starts_with("expect ")) {
        loop.post([&expect, count = std::stoul(line.substr(7))] { expect(count); });
      } else {
        loop.post([] {
          // Blocks of the heap, and large ones that the kernel gave directly.
          const auto heap = ::mallinfo2();
          say(std::to_string(heap.uordblks + heap.hblkhd));
        });
      }
    }
    loop.stop();
  });
  say(std::to_string(server->port()));
  loop.run();
  return 0;
}

}  // namespace
}  // namespace webpool::bench

int main() {
  try {
    return webpool::bench::main();
  } catch (const std::exception& error) {
    std::cerr << "webpool_connections_server: " << error.what() << std::endl;
    return 1;
  }
}

// A program for the public conformance suite of IPFS gateways: webpool's gateway and its real
// server over the blocks of CAR files, which it reads into memory.
//
//   gateway_over_cars FILE.car…
//
// Prints the server's origin and serves until its standard input ends.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "api/gateway/handler.h"
#include "api/gateway/routing.h"
#include "api/gateway/testing/memory_source.h"
#include "cid/car.h"
#include "cid/varint.h"
#include "net/server.h"

namespace {

using webpool::Result;
using webpool::api::gateway::testing::MemorySource;

/// The fixtures have a block or two with a hash function that webpool refuses by name, which ends
/// the reading of a CAR: such sections are passed over here, and told.
Result<std::string> withoutForeignBlocks(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string car((std::istreambuf_iterator<char>(file)), {});
  auto rest = std::as_bytes(std::span(car));
  std::string kept;
  for (bool header = true; !rest.empty(); header = false) {
    const auto begin = rest;
    const auto length = webpool::cid::takeVarint(rest);
    if (!length) return std::unexpected(length.error());
    if (*length > rest.size()) return webpool::fail(webpool::ErrorCategory::Protocol, "cut off");
    auto section = rest.first(static_cast<std::size_t>(*length));
    rest = rest.subspan(section.size());
    const auto cid = header ? Result<webpool::cid::Cid>() : webpool::cid::Cid::take(section);
    if (!cid && cid.error().category == webpool::ErrorCategory::Unsupported) {
      fmt::print(stderr, "passed over: {}\n", cid.error().message);
      continue;
    }
    kept.append(reinterpret_cast<const char*>(begin.data()), begin.size() - rest.size());
  }
  return kept;
}

Result<void> readCar(const std::string& path, MemorySource& source) {
  const auto car = withoutForeignBlocks(path);
  if (!car) return std::unexpected(car.error());
  webpool::cid::CarReader reader;
  reader.push(std::as_bytes(std::span(*car)));
  while (true) {
    auto block = reader.next();
    if (!block) return std::unexpected(block.error());
    if (!*block) return reader.finish();
    source.put((*block)->cid, std::move((*block)->bytes));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto source = std::make_shared<MemorySource>();
  for (const std::string path : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
    if (const auto read = readCar(path, *source); !read) {
      fmt::print(stderr, "{}: {}\n", path, read.error().describe());
      return 1;
    }
  }
  webpool::net::EventLoop loop;
  auto server = webpool::net::Server::listen(loop, {.openPrefixes = {"/ipfs/"}});
  if (!server) {
    fmt::print(stderr, "{}\n", server.error().describe());
    return 1;
  }
  const auto handler = webpool::api::gateway::gatewayHandler(source, loop);
  (*server)->routePrefix("GET", "/ipfs/", handler);
  (*server)->routePrefix("OPTIONS", "/ipfs/", handler);
  fmt::print("{}\n", (*server)->origin());
  std::fflush(stdout);
  // Whoever started it holds the other end: it can't be left behind.
  std::thread waiting([&loop] {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    loop.stop();
  });
  loop.run();
  waiting.join();
  server->reset();
  return 0;
}

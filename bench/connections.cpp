// What a connection costs webpool in memory: a thousand of them, from a test client that is no
// browser.
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "browsers/memory.h"
#include "child_program.h"
#include "failure.h"
#include "figures.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

constexpr double kKiB = 1 << 10;
constexpr double kAimKiB = 16;

struct Memory {
  double pss = 0;   ///< KiB
  double heap = 0;  ///< KiB that the heap has given out
};

Memory memoryOf(ChildProgram& server) {
  server.say("heap");
  return {.pss = double(valueOf(browsers::processPss(server.pid()))) / kKiB,
          .heap = std::stod(server.hear()) / kKiB};
}

/// Connected, and two heartbeats old.
std::unique_ptr<ChildProgram> connect(ChildProgram& server, const std::string& port,
                                      unsigned count) {
  server.say("expect " + std::to_string(count));
  auto client = std::make_unique<ChildProgram>(std::vector<std::string>{
      ChildProgram::beside("webpool_bench_client"), port, std::to_string(count)});
  for (unsigned i = 0; i < count; ++i) client->say(server.hear());
  client->hear("connected");
  server.hear("ready");
  client->hear("heartbeat");
  client->hear("heartbeat");
  return client;
}

/// Seconds of CPU time that a process has taken, to a hundredth.
double cpuSeconds(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 1));  // from the third on
  std::string passed;
  for (int i = 0; i < 11; ++i) fields >> passed;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / double(::sysconf(_SC_CLK_TCK));
}

/// Of a core, over two heartbeats of each connection, in percent.
double cpuShare(const ChildProgram& server, ChildProgram& client) {
  const Stopwatch watch;
  const double before = cpuSeconds(server.pid());
  client.hear("heartbeat");
  client.hear("heartbeat");
  return (cpuSeconds(server.pid()) - before) / watch.seconds() * 100;
}

}  // namespace

void measureConnections(const Settings& settings, Report& report) {
  constexpr unsigned kConnections = 1000;
  std::vector<double> perConnection;
  std::vector<double> before;
  std::vector<double> after;
  std::vector<double> heap;
  std::vector<double> cpu;
  for (unsigned round = 0; round < settings.count(3, 1); ++round) {
    ChildProgram server({ChildProgram::beside("webpool_connections_server")});
    const auto port = server.hear();
    // The first one brings into memory what all of them need once.
    const auto first = connect(server, port, 1);
    const auto without = memoryOf(server);
    const auto clients = connect(server, port, kConnections);
    const auto with = memoryOf(server);
    before.push_back(without.pss);
    after.push_back(with.pss);
    perConnection.push_back((with.pss - without.pss) / kConnections);
    heap.push_back((with.heap - without.heap) / kConnections);
    cpu.push_back(cpuShare(server, *clients));
  }
  const std::vector<double> aim(perConnection.size(), kAimKiB);
  report.add({.figure = "Memory of a connection, of 1,000",
              .numerator = {"growth of webpool's PSS, a connection of webpool_bench_client",
                            perConnection, "KiB"},
              .denominator = {"the aim", aim, "KiB"},
              .ratio = ratioOf(perConnection, aim),
              .aim = Aim{Aim::Kind::AtMost, 1}},
             *settings.progress);
  report.addPhases({"1,000 connections of webpool_bench_client (KiB, or as it says)",
                    {{"server before", medianOf(before)},
                     {"server with them", medianOf(after)},
                     {"a connection", medianOf(perConnection)},
                     {"of it given out by the heap", medianOf(heap)},
                     {"CPU time while idle, heartbeats only (% of a core)", medianOf(cpu)}}});
}

}  // namespace webpool::bench

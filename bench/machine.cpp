#include "machine.h"

#include <fmt/format.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <boost/json.hpp>
#include <fstream>
#include <thread>

namespace webpool::bench {
namespace {

std::string cpuModel() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("model name")) continue;
    const auto colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

Machine inspectThisMachine() {
  Machine machine;
  machine.cpu = cpuModel();
  machine.cores = std::thread::hardware_concurrency();
  struct sysinfo info{};
  if (sysinfo(&info) == 0) {
    machine.memoryGib = static_cast<double>(info.totalram) * info.mem_unit / (1ULL << 30);
  }
  utsname name{};
  if (uname(&name) == 0) machine.kernel = name.release;
  std::ifstream("/proc/loadavg") >> machine.loadAverage;
  return machine;
}

std::string Machine::text() const {
  return fmt::format("{}, {} cores, {:.0f} GiB, Linux {}, {}; load average before: {}", cpu, cores,
                     memoryGib, kernel, browser, loadAverage);
}

boost::json::object Machine::json() const {
  return {{"cpu", cpu},       {"cores", cores},     {"memory_gib", memoryGib},
          {"kernel", kernel}, {"browser", browser}, {"load_average_before", loadAverage}};
}

}  // namespace webpool::bench

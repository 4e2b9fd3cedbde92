#include "pool/machine_part.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace webpool::pool {
namespace {

constexpr std::uint64_t kForBrowsers = 80;  // percent; the rest is everybody else's

/// Of a container; the largest number for none.
std::uint64_t containerMemory() {
  auto bytes = ~std::uint64_t{0};
  if (const auto text = base::readFile("/sys/fs/cgroup/memory.max", 64)) {
    std::from_chars(text->data(), text->data() + text->size(), bytes);  // "max" changes nothing
  }
  return bytes;
}

}  // namespace

std::uint64_t machineMemory() {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::min(bytes, containerMemory());
}

MachinePart::Part MachinePart::update(std::uint64_t peak, std::uint64_t memory) {
  const auto lately = std::max(peak, std::exchange(before_, peak));
  const auto threads = static_cast<unsigned>(std::min<std::uint64_t>(lately, cores_));
  shares_.publish({.threads = threads, .memory = memory});
  Part part{.cores = cores_, .coresOfEach = cores_};
  std::vector<sched::PoolShare> taken;
  for (const auto& other : shares_.others()) {
    part.others.push_back(other.pid);
    taken.push_back(other.share);
  }
  if (taken.empty()) return part;
  part.cores = sched::coresFor(cores_, taken);
  part.coresOfEach = std::max(1U, cores_ / static_cast<unsigned>(taken.size() + 1));
  part.memory = sched::memoryFor(memory_ / 100 * kForBrowsers, taken);
  return part;
}

}  // namespace webpool::pool

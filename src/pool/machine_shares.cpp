#include "pool/machine_shares.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "base/random.h"

namespace webpool::pool {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kLineBytes = 128;  ///< always as long: a reader never sees half of two
constexpr const char* kSuffix = ".pool";

std::string lineOf(const sched::PoolShare& share) {
  auto line = fmt::format(R"({{"pid": {}, "threads": {}, "memory": {}}})", ::getpid(),
                          share.threads, share.memory);
  line.resize(kLineBytes - 1, ' ');
  return line + "\n";
}

std::optional<MachineShares::Other> read(int fd) {
  std::string line(kLineBytes, '\0');
  const auto size = ::pread(fd, line.data(), line.size(), 0);
  if (size != static_cast<ssize_t>(kLineBytes)) return std::nullopt;
  boost::system::error_code error;
  const auto parsed = json::parse(line, error);
  const auto* const object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return std::nullopt;
  const auto number = [&](std::string_view key) {
    const auto* const value = object->if_contains(key);
    boost::system::error_code wrong;
    const auto got = value == nullptr ? 0 : value->to_number<std::uint64_t>(wrong);
    return wrong ? 0 : got;
  };
  return MachineShares::Other{
      static_cast<pid_t>(number("pid")),
      {.threads = static_cast<unsigned>(number("threads")), .memory = number("memory")}};
}

}  // namespace

Result<MachineShares> MachineShares::join(const fs::path& folder) {
  if (auto made = base::makeFolders(folder); !made) return std::unexpected(made.error());
  const auto name = fmt::format("{}-{}", ::getpid(), base::randomHex(base::systemRandom(), 4));
  // It gets its name once it is locked: without a lock it would pass for a dead one's.
  const auto before = folder / (name + ".new");
  auto file = base::openFile(before, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!file) return std::unexpected(file.error());
  const auto after = folder / (name + kSuffix);
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0 ||
      ::rename(before.c_str(), after.c_str()) != 0) {
    const int why = errno;
    ::unlink(before.c_str());
    return std::unexpected(base::fileError("can't lock", before, why));
  }
  MachineShares shares(folder, after, std::move(*file));
  shares.published_.threads = ~0U;  // so that it is written
  shares.publish({});
  return shares;
}

MachineShares::~MachineShares() {
  if (fd_.get() >= 0) ::unlink(file_.c_str());
}

void MachineShares::publish(const sched::PoolShare& share) {
  if (share == published_) return;
  const auto line = lineOf(share);
  // Others know what was told last where it can't be written.
  if (::pwrite(fd_.get(), line.data(), line.size(), 0) == static_cast<ssize_t>(line.size())) {
    published_ = share;
  }
}

std::vector<MachineShares::Other> MachineShares::others() const {
  std::vector<Other> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const auto& path = entry.path();
    if (path == file_ || path.extension() != kSuffix) continue;
    const auto file = base::openFile(path, O_RDONLY, 0);
    if (!file) continue;
    if (::flock(file->get(), LOCK_SH | LOCK_NB) == 0) {
      ::unlink(path.c_str());  // whoever held it is gone
    } else if (const auto other = read(file->get())) {
      all.push_back(*other);
    }
  }
  std::ranges::sort(all, {}, &Other::pid);
  return all;
}

}  // namespace webpool::pool

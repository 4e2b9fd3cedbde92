#include "browsers/webdriver_records.h"

#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "base/file.h"
#include "browsers/webdriver.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using IfMissing = FolderLock::IfMissing;

constexpr const char* kFile = "session.json";
constexpr std::uint64_t kMostBytes = 16u << 10;
constexpr std::chrono::hours kForgetAfter{24};

struct Recorded {
  std::string remote;
  std::string session;
  std::chrono::system_clock::time_point when;
};

std::optional<Recorded> readRecord(const fs::path& folder) {
  const auto text = base::readFile(folder / kFile, kMostBytes);
  if (!text) return std::nullopt;
  boost::system::error_code error;
  const auto value = json::parse(*text, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto* remote = object->if_contains("remote");
  const auto* session = object->if_contains("session");
  const auto* opened = object->if_contains("opened_unix");
  if (remote == nullptr || !remote->is_string() || session == nullptr || !session->is_string() ||
      !isPathSafe(session->as_string()) || opened == nullptr || !opened->is_int64()) {
    return std::nullopt;
  }
  return Recorded{std::string(remote->as_string()), std::string(session->as_string()),
                  std::chrono::system_clock::from_time_t(opened->as_int64())};
}

}  // namespace

Result<WebDriverRecord> WebDriverRecord::write(const fs::path& folder,
                                               const base::RandomSource& random,
                                               std::string_view remote, std::string_view session) {
  constexpr std::size_t kRandomBytes = 4;
  const auto own = folder / fmt::format("{}-{}", ::getpid(), base::randomHex(random, kRandomBytes));
  if (auto made = base::makeFolders(own); !made) return std::unexpected(made.error());
  auto lock = FolderLock::tryAcquire(own, IfMissing::Create);
  if (!lock) return std::unexpected(lock.error());
  const json::object record{
      {"remote", remote},
      {"session", session},
      {"opened_unix", std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())}};
  if (auto written = base::writeFileAtomically(own / kFile, json::serialize(record), 0600);
      !written) {
    (void)removeLockedFolder(own);
    return std::unexpected(written.error());
  }
  return WebDriverRecord(own, std::move(*lock));
}

void WebDriverRecord::forget() noexcept {
  (void)removeLockedFolder(folder_);  // what stays is found empty by a sweep
}

bool hasWebDriverRecords(const fs::path& folder) {
  std::error_code none;
  return fs::directory_iterator(folder, none) != fs::directory_iterator();
}

WebDriverSweep sweepWebDriverSessions(base::HttpClient& http, const fs::path& folder,
                                      std::chrono::system_clock::time_point now,
                                      const std::stop_token& stop) {
  WebDriverSweep sweep;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (stop.stop_requested()) break;
    const auto lock = FolderLock::tryAcquire(entry.path(), IfMissing::Fail);
    if (!lock) continue;  // its webpool lives, or another sweeps it
    const auto record = readRecord(entry.path());
    if (record) {
      const auto ended = endWebDriverSession(http, record->remote, record->session, stop);
      if (ended) {
        sweep.ended.push_back(record->remote);
      } else {
        sweep.left.push_back({record->remote, ended.error()});
        if (now - record->when < kForgetAfter) continue;
      }
    }
    (void)removeLockedFolder(entry.path());
  }
  return sweep;
}

}  // namespace webpool::browsers

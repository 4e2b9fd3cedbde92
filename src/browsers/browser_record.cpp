#include "browsers/browser_record.h"

#include <unistd.h>

#include <boost/json.hpp>

#include "base/file.h"

namespace webpool::browsers {

namespace json = boost::json;

Result<void> writeRecord(const BrowserFolder& folder, const BrowserRecord& record) {
  const json::object object{
      {"name", record.name},
      {"marker", record.marker},
      {"profileArgument", record.profileArgument},
      {"pid", record.pid},
      {"startTime", record.startTime},
      {"owner", record.owner},
      {"ownerStartTime", record.ownerStartTime},
  };
  return base::writeFileAtomically(folder.record(), json::serialize(object) + "\n", 0600);
}

std::optional<BrowserRecord> readRecord(const BrowserFolder& folder) {
  constexpr std::uint64_t kLimit = 1 << 16;
  const auto text = base::readFile(folder.record(), kLimit);
  if (!text) return std::nullopt;
  json::error_code error;
  const auto value = json::parse(*text, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto number = [&](std::string_view key) -> std::uint64_t {
    const auto* field = object->if_contains(key);
    json::error_code wrongType;
    return field == nullptr ? 0 : field->to_number<std::uint64_t>(wrongType);
  };
  const auto string = [&](std::string_view key) -> std::string {
    const auto* field = object->if_contains(key);
    const auto* found = field == nullptr ? nullptr : field->if_string();
    return found == nullptr ? std::string() : std::string(found->data(), found->size());
  };
  BrowserRecord record{string("name"),
                       string("marker"),
                       string("profileArgument"),
                       static_cast<pid_t>(number("pid")),
                       number("startTime"),
                       static_cast<pid_t>(number("owner")),
                       number("ownerStartTime")};
  if (record.marker.empty()) return std::nullopt;
  return record;
}

void removeRecord(const BrowserFolder& folder) noexcept {
  ::unlink(folder.record().c_str());
}

BrowserIdentity identityOf(const BrowserRecord& record) {
  return {.marker = record.marker,
          .profileArgument = record.profileArgument,
          .pid = record.pid,
          .startTime = record.startTime};
}

}  // namespace webpool::browsers

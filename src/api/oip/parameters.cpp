#include "api/oip/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>
#include <span>
#include <utility>

namespace webpool::api::oip {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLowestPriority = 1000;
constexpr std::uint64_t kDay = 86'400'000'000;  // µs

std::unexpected<Error> wrong(std::string message, std::string hint = {}) {
  return fail(ErrorCategory::InvalidInput, std::move(message), std::move(hint));
}

/// Takes a whole number; 0 where there is none.
Result<std::uint64_t> takeNumber(json::object& given, std::string_view name, std::uint64_t most) {
  const auto* value = given.if_contains(name);
  if (value == nullptr) return 0;
  boost::system::error_code error;
  const auto number = value->is_number() ? value->to_number<std::uint64_t>(error) : most + 1;
  if (error || number > most) {
    return wrong(fmt::format("parameters.{}: no whole number from 0 to {}", name, most));
  }
  given.erase(name);
  return number;
}

constexpr auto kEmbedding = std::to_array<std::string_view>({"pooling", "normalize"});
constexpr auto kGeneration = std::to_array<std::string_view>(
    {"max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "tools", "tool_choice",
     "return_tokens", "raw", "conversation"});
constexpr auto kSpeech = std::to_array<std::string_view>(
    {"prompt", "languages", "then", "end", "suppress", "suppress_first", "no_speech", "timestamps",
     "max_tokens", "temperature", "seed", "force"});

std::span<const std::string_view> parametersOf(std::string_view task) {
  if (task == "text-embedding") return kEmbedding;
  if (task == "text-generation") return kGeneration;
  if (task == "automatic-speech-recognition") return kSpeech;
  return {};
}

}  // namespace

void Schedule::applyTo(RunOptions& options) const {
  if (timeout) options.timeout = std::chrono::ceil<std::chrono::milliseconds>(*timeout);
  if (priority > 0) options.priority = static_cast<unsigned>(priority);
}

Result<Schedule> takeSchedule(json::object& given) {
  Schedule schedule;
  const auto priority = takeNumber(given, "priority", kLowestPriority);
  if (!priority) return std::unexpected(priority.error());
  schedule.priority = *priority;
  const auto timeout = takeNumber(given, "timeout", INT64_MAX);
  if (!timeout) return std::unexpected(timeout.error());
  if (*timeout > 0) schedule.timeout = std::chrono::microseconds(std::min(*timeout, kDay));
  if (const auto* user = given.if_contains("user")) {
    if (!user->is_string()) return wrong("parameters.user: no text");
    schedule.user = user->get_string();
  }
  for (const auto* read : {"user", "sequence_id", "sequence_start", "sequence_end"}) {
    given.erase(read);
  }
  return schedule;
}

Result<void> checkTaskParameters(std::string_view task, const json::object& given) {
  const auto known = parametersOf(task);
  for (const auto& [key, value] : given) {
    const std::string_view name = key;
    if (name == "repeat" || std::ranges::find(known, name) != known.end()) continue;
    return wrong(fmt::format("parameters.{}: {} has no such parameter", name, task),
                 "leave it out; docs/protocol.md lists those of each task");
  }
  return {};
}

}  // namespace webpool::api::oip

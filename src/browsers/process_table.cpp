#include "browsers/process_table.h"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::browsers {
namespace {

constexpr std::uint64_t kLimit = 4u << 20;

bool isSeparator(char character) {
  return character == '\0' || character == ' ';
}

/// `wanted` stands in `text` as a whole word.
bool hasWord(std::string_view text, std::string_view wanted) {
  if (wanted.empty()) return false;
  for (auto at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + 1)) {
    const auto end = at + wanted.size();
    if ((at == 0 || isSeparator(text[at - 1])) && (end == text.size() || isSeparator(text[end]))) {
      return true;
    }
  }
  return false;
}

bool hasVariable(std::string_view environment, std::string_view variable) {
  while (!environment.empty()) {
    const auto end = environment.find('\0');
    if (environment.substr(0, end) == variable) return true;
    if (end == std::string_view::npos) return false;
    environment.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

std::string markerVariable(std::string_view marker) {
  return fmt::format("WEBPOOL_BROWSER={}", marker);
}

std::optional<ProcessEntry> readProcess(pid_t pid) {
  const auto text = base::readFile(fmt::format("/proc/{}/stat", pid), kLimit);
  if (!text) return std::nullopt;
  // "pid (name) state ppid pgrp session …", and the name may hold anything.
  const auto nameEnd = text->rfind(')');
  if (nameEnd == std::string::npos) return std::nullopt;
  std::istringstream rest(text->substr(nameEnd + 1));
  constexpr int kFieldsToStartTime = 15;  // fields 7 … 21 of proc(5)
  ProcessEntry entry;
  entry.pid = pid;
  char state = 0;
  pid_t group = 0;
  std::string skipped;
  rest >> state >> entry.parent >> group >> entry.session;
  for (int i = 0; i < kFieldsToStartTime; ++i) rest >> skipped;
  rest >> entry.startTime;
  if (!rest) return std::nullopt;
  entry.ended = state == 'Z' || state == 'X' || state == 'x';
  return entry;
}

std::vector<ProcessEntry> readProcessTable() {
  std::vector<ProcessEntry> table;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return table;
  while (const dirent* item = ::readdir(folder)) {
    const std::string_view name(item->d_name);
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    auto entry = readProcess(pid);
    if (!entry) continue;
    if (auto line = base::readFile(fmt::format("/proc/{}/cmdline", pid), kLimit)) {
      entry->commandLine = std::move(*line);
    }
    if (auto variables = base::readFile(fmt::format("/proc/{}/environ", pid), kLimit)) {
      entry->environment = std::move(*variables);
    }
    table.push_back(std::move(*entry));
  }
  ::closedir(folder);
  return table;
}

std::vector<ProcessEntry> processesOf(const BrowserIdentity& identity,
                                      const std::vector<ProcessEntry>& table) {
  const auto variable = markerVariable(identity.marker);
  std::set<pid_t> ours;
  for (const auto& entry : table) {
    if (hasVariable(entry.environment, variable)) ours.insert(entry.pid);
  }
  // A session's number is not given away while anyone is in it. So one member that is certainly
  // the browser's makes all of them so.
  if (identity.pid > 0) {
    const bool sessionIsOurs =
        identity.pidIsHeld || std::ranges::any_of(table, [&](const ProcessEntry& entry) {
          return entry.session == identity.pid && entry.startTime >= identity.startTime &&
                 (entry.pid != identity.pid || entry.startTime == identity.startTime) &&
                 (ours.contains(entry.pid) || hasWord(entry.commandLine, identity.profileArgument));
        });
    for (const auto& entry : table) {
      if (sessionIsOurs && entry.session == identity.pid) ours.insert(entry.pid);
    }
  }
  // Between its fork and its exec a crash handler has left the session, and shows the command line
  // and the overwritten environment of the process that it was forked from. While we hold the
  // browser, and with it its profile, nobody else's process has that argument.
  if (identity.pidIsHeld) {
    for (const auto& entry : table) {
      if (entry.startTime >= identity.startTime &&
          hasWord(entry.commandLine, identity.profileArgument)) {
        ours.insert(entry.pid);
      }
    }
  }
  for (bool grew = !ours.empty(); grew;) {
    grew = false;
    for (const auto& entry : table) {
      if (ours.contains(entry.parent) && ours.insert(entry.pid).second) grew = true;
    }
  }
  std::vector<ProcessEntry> result;
  for (const auto& entry : table) {
    if (ours.contains(entry.pid)) result.push_back(entry);
  }
  return result;
}

}  // namespace webpool::browsers

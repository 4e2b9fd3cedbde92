#include "cli/terminal.h"

#include "cli/progress_text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace webpool::cli {
namespace {

bool isContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The byte at which code point `count` begins.
std::size_t byteOf(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if (!isContinuation(text[at]) && seen++ == count) break;
  }
  return at;
}

}  // namespace

std::string bytesText(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1000 * 1000) return fmt::format("{:.1f} kB", double(bytes) / 1e3);
  if (bytes < 1000ull * 1000 * 1000) return fmt::format("{:.1f} MB", double(bytes) / 1e6);
  return fmt::format("{:.2f} GB", double(bytes) / 1e9);
}

std::string millisecondsText(double milliseconds) {
  if (milliseconds >= 1000) return fmt::format("{:.2f} s", milliseconds / 1000);
  if (milliseconds >= 10) return fmt::format("{:.0f} ms", milliseconds);
  return fmt::format("{:.2f} ms", milliseconds);
}

std::optional<std::size_t> screenWidth() {
  constexpr std::size_t kUsual = 80;
  if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return size.ws_col;
}

std::size_t textWidth(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !isContinuation(c); }));
}

std::string fitText(std::string_view text, std::size_t width) {
  const auto length = textWidth(text);
  if (length <= width) return std::string(text);
  if (width < 3) return std::string(text.substr(0, byteOf(text, width)));
  const auto tail = (width - 1) / 3;
  const auto head = width - 1 - tail;
  return fmt::format("{}…{}", text.substr(0, byteOf(text, head)),
                     text.substr(byteOf(text, length - tail)));
}

std::string tableText(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], textWidth(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - textWidth(row[i]) + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}

ProgressLine::~ProgressLine() {
  clear();
}

ProgressCallback ProgressLine::callback() {
  return [this](const Progress& progress) { show(progress); };
}

void ProgressLine::clear() {
  const std::lock_guard lock(mutex_);
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
  told_.clear();
}

void ProgressLine::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (quiet_) return;
  std::fprintf(stderr, "%s%s\n", drawn_ ? "\r\x1b[K" : "", text.c_str());
  drawn_ = false;
}

void ProgressLine::show(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  if (quiet_) return;
  const auto step = progress.step + " " + progress.detail;
  if (!terminal_) {
    if (told_.insert(step).second) {
      std::fprintf(
          stderr, "%s%s%s%s\n", progress.step.c_str(), progress.detail.empty() ? "" : " ",
          progress.detail.c_str(),
          progress.total > 0 ? fmt::format(" ({})", bytesText(progress.total)).c_str() : "");
    }
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (step == lastStep_ && now - lastDraw_ < std::chrono::milliseconds(80)) return;
  lastStep_ = step;
  lastDraw_ = now;
  std::fprintf(stderr, "\r\x1b[K%s", progressText(progress).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace webpool::cli

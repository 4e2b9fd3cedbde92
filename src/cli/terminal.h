// What a person at a terminal sees: progress on stderr, tables that fit 80 columns.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/options.h"

namespace webpool::cli {

/// "54.4 MB"
std::string bytesText(std::uint64_t bytes);

/// "1.25 s", "830 ms", "0.42 ms"
std::string millisecondsText(double milliseconds);

/// Shortens to `width` columns with an ellipsis in the middle; counts UTF-8 code points.
std::string fitText(std::string_view text, std::size_t width);

/// Columns of the terminal that stdout is, 80 where it does not tell; none where it is no terminal.
std::optional<std::size_t> screenWidth();

/// Columns of a UTF-8 text, taking every code point as one.
std::size_t textWidth(std::string_view text);

/// Pads columns to their widest cell; the first row is the heading.
std::string tableText(const std::vector<std::vector<std::string>>& rows);

/// Shows Progress: a redrawn line on a terminal, else one line a step, however
/// steps that run side by side take turns. Thread-safe.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  ProgressCallback callback();
  /// Prints a line of its own (a notice), keeping the progress line below it.
  void note(const std::string& text);
  /// Ends the line; what is shown next are steps of something new.
  void clear();

 private:
  void show(const Progress& progress);

  std::mutex mutex_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::string lastStep_;
  std::set<std::string> told_;  ///< steps that have their line, where there is no terminal
  std::chrono::steady_clock::time_point lastDraw_{};
};

}  // namespace webpool::cli

#include "cli/line_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace webpool::cli {
namespace {

std::string leftOut(std::size_t entries) {
  return fmt::format("{} left out\n", entries);
}

/// A pipe whose reader is the test.
class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_ = ends[0];
    write_ = ends[1];
  }
  ~Pipe() {
    closeReader();
    closeWriter();
  }
  int writer() const { return write_; }
  void closeWriter() {
    if (write_ >= 0) ::close(std::exchange(write_, -1));
  }
  void closeReader() {
    if (read_ >= 0) ::close(std::exchange(read_, -1));
  }
  bool readable() const {
    pollfd one{read_, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
  }
  /// Up to the end of a line.
  std::string line() {
    std::string text;
    char one = 0;
    while (::read(read_, &one, 1) == 1) {
      text += one;
      if (one == '\n') break;
    }
    return text;
  }

 private:
  int read_ = -1;
  int write_ = -1;
};

TEST(LineWriter, WritesInOrderAndAllBeforeItsEnd) {
  Pipe pipe;
  {
    LineWriter writer(pipe.writer());
    for (int i = 0; i < 1000; ++i) writer.write(fmt::format("{}\n", i), leftOut);
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(pipe.line(), fmt::format("{}\n", i));
  pipe.closeWriter();
  EXPECT_EQ(pipe.line(), "");
}

/// More than a pipe and the bound hold is written while nobody reads; then the reader goes on.
TEST(LineWriter, AReaderThatStopsHoldsUpNobodyAndIsToldWhatItMissed) {
  constexpr int kEntries = 5000;
  Pipe pipe;
  const std::string filler(200, 'x');
  std::optional<LineWriter> writer(std::in_place, pipe.writer(),
                                   LineWriter::Bounds{.bytes = 64u << 10});
  for (int i = 0; i < kEntries; ++i) {
    writer->write(fmt::format("{} {}\n", i, filler), leftOut);
  }
  std::vector<std::string> lines;
  while (!writer->write("more\n", leftOut)) {
    if (pipe.readable()) lines.push_back(pipe.line());
  }
  while (lines.empty() || lines.back() != "more\n") {
    lines.push_back(pipe.line());
    ASSERT_FALSE(lines.back().empty());
  }
  writer.reset();
  // In order, none cut, and each of those that are not there is counted where it would be.
  int next = 0;
  int missed = 0;
  for (const auto& line : lines) {
    int number = 0;
    if (std::sscanf(line.c_str(), "%d left out", &number) == 1) {
      missed += number;
      next += number;
    } else if (line != "more\n") {
      ASSERT_EQ(line, fmt::format("{} {}\n", next, filler));
      ++next;
    }
  }
  EXPECT_GT(missed, 0);
  EXPECT_GT(lines.size(), 100);
  EXPECT_GE(next, kEntries);
}

TEST(LineWriter, ItsEndWaitsForAStoppedReaderOnlySoLong) {
  Pipe pipe;
  LineWriter writer(pipe.writer(), {.patience = std::chrono::milliseconds(1)});
  for (int i = 0; i < 1000; ++i) writer.write(std::string(1000, 'x') + "\n", leftOut);
}

TEST(LineWriter, AReaderThatIsGoneIsNoError) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  LineWriter writer(pipe.writer());
  pipe.closeReader();
  for (int i = 0; i < 1000; ++i) writer.write("line\n", leftOut);
}

}  // namespace
}  // namespace webpool::cli

#include "browsers/virtual_display.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInstallHint =
    "apt install xvfb, or show its window on a display of yours (--visible, headless off)";

std::optional<fs::path> findXvfb(const Environment& environment) {
  const auto search = environment.variable("PATH");
  for (std::string_view rest = search; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    const auto program = environment.at(fs::path(rest.substr(0, end))) / "Xvfb";
    if (rest.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

std::string socketPath(unsigned number) {
  return fmt::format("/tmp/.X11-unix/X{}", number);
}

/// Somebody listens at that address; `abstract`: by its name without a file.
bool answers(const std::string& path, bool abstract) {
  const base::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (abstract ? 1 : 0), path.data(), path.size());
  const auto length = offsetof(sockaddr_un, sun_path) + path.size() + 1;
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(length)) == 0;
}

/// Xvfb, told its number, does not look whether a server has it.
bool isFree(unsigned number) {
  return ::access(fmt::format("/tmp/.X{}-lock", number).c_str(), F_OK) != 0 &&
         !answers(socketPath(number), false) && !answers(socketPath(number), true);
}

/// True when the server has said its number on `channel`: it can be connected to.
bool saysReady(int channel, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd wait{channel, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    std::array<char, 32> text{};
    const auto got = ::read(channel, text.data(), text.size());
    if (got <= 0) return false;
    if (std::memchr(text.data(), '\n', static_cast<std::size_t>(got)) != nullptr) return true;
  }
}

std::string lastLine(int file) {
  std::array<char, 4096> text{};
  const auto got = ::pread(file, text.data(), text.size(), 0);
  std::string_view all(text.data(), static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  while (!all.empty() && (all.back() == '\n' || all.back() == ' ')) all.remove_suffix(1);
  return std::string(all.substr(all.rfind('\n') + 1));
}

void end(ChildProcess& child) noexcept {
  constexpr std::chrono::seconds kGrace{2};
  constexpr std::chrono::seconds kKillLimit{5};
  child.signal(SIGTERM);  // so that it removes its socket
  if (!child.waitFor(kGrace)) {
    child.signal(SIGKILL);
    child.waitFor(kKillLimit);
  }
  child.reap();
}

}  // namespace

bool displayAnswers(std::string_view display) {
  if (!display.starts_with(':')) return true;  // of another machine, or of its own kind
  unsigned number = 0;
  const auto digits = display.substr(1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (read.ec != std::errc()) return false;
  return answers(socketPath(number), false) || answers(socketPath(number), true);
}

std::string VirtualDisplay::authorityText(std::string_view secret) {
  // The format of ~/.Xauthority, with one entry for whatever host and display.
  std::string text = "\xff\xff";
  const auto add = [&text](std::string_view value) {
    constexpr unsigned kByte = 8;
    text += static_cast<char>(value.size() >> kByte);
    text += static_cast<char>(value.size());
    text += value;
  };
  add("");
  add("");
  add("MIT-MAGIC-COOKIE-1");
  add(secret);
  return text;
}

Result<VirtualDisplay> VirtualDisplay::start(const Environment& environment, const Plan& plan,
                                             const Spawn& spawn) {
  constexpr unsigned kFirst = 90;
  constexpr unsigned kNumbers = 900;
  constexpr unsigned kTries = 20;
  constexpr std::chrono::seconds kLimit{20};
  const auto program = findXvfb(environment);
  if (!program) {
    return fail(ErrorCategory::BrowserFailed,
                "this browser needs a display, and no Xvfb is installed to make one",
                std::string(kInstallHint));
  }
  auto variables = plan.variables;
  variables.emplace_back("PATH=/usr/bin:/bin");
  std::string cause = "every display number is taken";
  unsigned tries = 0;
  // Processes of different numbers begin at different displays, and rarely meet.
  const auto first = static_cast<unsigned>(::getpid());
  for (unsigned i = 0; i < kNumbers && tries < kTries; ++i) {
    const auto number = kFirst + (first + i) % kNumbers;
    if (!isFree(number)) continue;
    ++tries;
    int ends[2];
    const base::FileDescriptor output(::memfd_create("xvfb-output", MFD_CLOEXEC));
    if (!output.valid() || ::pipe2(ends, O_CLOEXEC) != 0) {
      return std::unexpected(base::fileError("can't start", *program, errno));
    }
    const base::FileDescriptor readEnd(ends[0]);
    base::FileDescriptor writeEnd(ends[1]);
    auto child = spawn(
        {.program = *program,
         .arguments = {fmt::format(":{}", number), "-displayfd", "3", "-screen", "0", "1024x768x24",
                       "-nolisten", "tcp", "-noreset", "-auth", plan.authority.native()},
         .environment = variables,
         .folder = plan.folder,
         .output = output.get(),
         .channel = writeEnd.get(),
         .deathSignal = SIGTERM});
    if (!child) return std::unexpected(child.error());
    writeEnd = base::FileDescriptor();
    if (saysReady(readEnd.get(), kLimit)) {
      return VirtualDisplay(std::move(*child), number, plan.authority);
    }
    end(*child);
    cause = lastLine(output.get());
  }
  return fail(ErrorCategory::BrowserFailed, fmt::format("Xvfb does not start: {}", cause),
              "try it by hand: Xvfb :90 -screen 0 1024x768x24");
}

VirtualDisplay::VirtualDisplay(ChildProcess child, unsigned number, fs::path authority)
    : child_(std::move(child)), number_(number), authority_(std::move(authority)) {}

VirtualDisplay::VirtualDisplay(VirtualDisplay&& other) noexcept
    : child_(std::move(other.child_)),
      number_(other.number_),
      authority_(std::move(other.authority_)),
      stopped_(std::exchange(other.stopped_, true)) {}

VirtualDisplay& VirtualDisplay::operator=(VirtualDisplay&& other) noexcept {
  if (this != &other) {
    stop();
    child_ = std::move(other.child_);
    number_ = other.number_;
    authority_ = std::move(other.authority_);
    stopped_ = std::exchange(other.stopped_, true);
  }
  return *this;
}

VirtualDisplay::~VirtualDisplay() {
  stop();
}

std::vector<std::string> VirtualDisplay::variables() const {
  return {fmt::format("DISPLAY=:{}", number_), fmt::format("XAUTHORITY={}", authority_.native()),
          "GDK_BACKEND=x11"};
}

void VirtualDisplay::stop() noexcept {
  if (!std::exchange(stopped_, true)) end(child_);
}

}  // namespace webpool::browsers

#include "browsers/test_support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "browsers/browser_record.h"
#include "browsers/spawn.h"

namespace webpool::browsers::test {

TempFolder::TempFolder() {
  auto name = (std::filesystem::temp_directory_path() / "webpool-browsers-XXXXXX").native();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void writeText(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

void writeScript(const std::filesystem::path& path, std::string_view body) {
  writeText(path, fmt::format("#!/bin/sh\n{}\n", body));
  ::chmod(path.c_str(), 0755);
}

PageServer::PageServer()
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  constexpr int kBacklog = 16;
  if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), kBacklog) != 0 ||
      ::getsockname(listener_.get(), generic, &length) != 0) {
    throw std::runtime_error("can't listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

PageServer::~PageServer() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

std::string PageServer::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

void PageServer::serve() {
  while (true) {
    std::array<pollfd, 2> waiting{{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), -1);
    if ((waiting[1].revents & POLLIN) != 0) return;
    const base::FileDescriptor connection(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) answer(connection.get());
  }
}

void PageServer::answer(int connection) {
  // A browser may open a connection that it never uses.
  constexpr int kPatience = 300;
  pollfd readable{connection, POLLIN, 0};
  if (::poll(&readable, 1, kPatience) <= 0) return;
  std::string request(1 << 14, '\0');
  request.resize(static_cast<std::size_t>(
      std::max<ssize_t>(0, ::recv(connection, request.data(), request.size(), 0))));
  const auto start = request.find(' ');
  const auto end = request.find(' ', start + 1);
  if (end == std::string::npos) return;
  constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 49\r\nConnection: "
      "close\r\n\r\n"
      "<title>page</title><script>fetch('/ran')</script>";
  ::send(connection, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
  const std::lock_guard lock(mutex_);
  paths_.push_back(request.substr(start + 1, end - start - 1));
  arrived_.notify_all();
}

bool PageServer::waitForRequest(std::string_view path, std::chrono::seconds limit) {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, limit,
                           [&] { return std::ranges::find(paths_, path) != paths_.end(); });
}

std::vector<base::FileDescriptor> openAll(const std::vector<ProcessEntry>& processes) {
  std::vector<base::FileDescriptor> pidfds;
  for (const auto& entry : processes) {
    base::FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, entry.pid, 0)));
    if (pidfd.valid()) pidfds.push_back(std::move(pidfd));
  }
  return pidfds;
}

std::vector<ProcessEntry> recorded(const BrowserFolder& folder) {
  const auto record = readRecord(folder);
  EXPECT_TRUE(record) << folder.record();
  return record ? processesOf(identityOf(*record), readProcessTable())
                : std::vector<ProcessEntry>();
}

std::vector<std::string> strayFiles(const std::vector<ProcessEntry>& processes,
                                    const std::filesystem::path& own) {
  std::vector<std::string> stray;
  const auto temporary = std::filesystem::temp_directory_path().native() + "/";
  for (const auto& entry : processes) {
    std::error_code error;
    const auto descriptors = std::filesystem::path("/proc") / std::to_string(entry.pid) / "fd";
    for (std::filesystem::directory_iterator it(descriptors, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code gone;
      const auto target = std::filesystem::read_symlink(it->path(), gone).native();
      if (target.starts_with(temporary) && !target.starts_with(own.native())) {
        stray.push_back(target);
      }
    }
  }
  return stray;
}

Helper::Helper(const std::filesystem::path& program, std::vector<std::string> arguments,
               std::vector<std::string> environment) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  output_ = base::FileDescriptor(ends[0]);
  const base::FileDescriptor writeEnd(ends[1]);
  environment.emplace_back("PATH=/usr/bin:/bin");
  auto process = spawnHere({.program = program,
                            .arguments = std::move(arguments),
                            .environment = std::move(environment),
                            .folder = "/",
                            .output = writeEnd.get()});
  if (!process) throw std::runtime_error(process.error().describe());
  process_ = std::move(*process);
}

Helper::~Helper() {
  process_.signal(SIGKILL);
  process_.waitFor(std::chrono::seconds(5));
  process_.reap();
}

std::string Helper::readLine() {
  constexpr int kLimit = 30'000;
  std::string line;
  while (true) {
    pollfd readable{output_.get(), POLLIN, 0};
    char character = 0;
    if (::poll(&readable, 1, kLimit) <= 0 || ::read(output_.get(), &character, 1) != 1) return {};
    if (character == '\n') return line;
    line += character;
  }
}

}  // namespace webpool::browsers::test

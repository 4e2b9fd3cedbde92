#include "browser_control.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

namespace webpool::functional {
namespace {

std::string contentsOf(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  // Not by iterators, which throw: a process of /proc may end while it is read.
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// One HTTP/1.0 exchange with a port of this machine; the body of the answer.
std::string request(int port, const std::string& method, const std::string& target) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const auto text = method + " " + target +
                      " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                      "\r\nConnection: close\r\n\r\n";
    if (write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
      char buffer[1 << 14];
      // The server keeps the connection open: stop when the body is whole.
      while (true) {
        const auto got = read(fd, buffer, sizeof(buffer));
        if (got <= 0) break;
        answer.append(buffer, static_cast<std::size_t>(got));
        const auto head = answer.find("\r\n\r\n");
        const auto length = answer.find("Content-Length:");
        if (head != std::string::npos && length != std::string::npos &&
            answer.size() >= head + 4 + std::stoul(answer.substr(length + 15))) {
          break;
        }
      }
    }
  }
  close(fd);
  const auto head = answer.find("\r\n\r\n");
  return head == std::string::npos ? "" : answer.substr(head + 4);
}

}  // namespace

BrowserPids findBrowser(const std::filesystem::path& cacheFolder) {
  BrowserPids pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().native();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto command = contentsOf(entry.path() / "cmdline");
    std::error_code gone;
    const auto folder = std::filesystem::read_symlink(entry.path() / "cwd", gone).native();
    if (!folder.starts_with(cacheFolder.native())) continue;
    pids.all.push_back(std::stoi(name));
    if (command.find("--type=renderer") != std::string::npos) {
      pids.renderers.push_back(std::stoi(name));
    } else if (command.find("--type=gpu-process") != std::string::npos) {
      pids.gpu = std::stoi(name);
    } else if (command.find("--user-data-dir=") != std::string::npos &&
               command.find("--type=") == std::string::npos) {
      pids.main = std::stoi(name);
    }
  }
  return pids;
}

bool closePages(const std::filesystem::path& cacheFolder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cacheFolder)) {
    if (entry.path().filename() != "DevToolsActivePort") continue;
    const int port = std::stoi(contentsOf(entry.path()));
    const auto list = request(port, "GET", "/json/list");
    if (list.empty()) return false;
    bool closed = false;
    for (const auto& target : boost::json::parse(list).as_array()) {
      if (target.at("type") != "page") continue;
      request(port, "GET", "/json/close/" + std::string(target.at("id").as_string()));
      closed = true;
    }
    return closed;
  }
  return false;
}

}  // namespace webpool::functional

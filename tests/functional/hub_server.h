// A hub in the Hugging Face layout on loopback, and the place it redirects to, with the faults that
// a network has. It says over HTTP what it is told; what it is asked it remembers.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace webpool::functional {

struct HubRequest {
  std::string method;
  std::string host;    ///< as the client named the server
  std::string target;  ///< path and query
  std::string authorization;
  std::string range;
  std::string ifRange;
};

struct HubFaults {
  unsigned drops = 0;  ///< answers of files that end after `dropAfter` bytes of body
  std::size_t dropAfter = 0;
  unsigned busy = 0;  ///< file requests answered with busyStatus first
  int busyStatus = 429;
  int always = 0;                 ///< every request is answered with this status
  bool noRanges = false;          ///< a range is answered with the whole
  bool wrongRange = false;        ///< a range is answered with another one
  std::string wrongBytesOf = {};  ///< a path whose bytes are sent changed
  std::string holdAt = {};  ///< a path whose answer stops after dropAfter bytes and stays open
};

class HubServer {
 public:
  /// `files` of the repository test/NAME, by path; those of over 1000 bytes are in LFS.
  HubServer(std::string repository, std::map<std::string, std::string> files,
            std::string commitId = std::string(40, 'c'));
  ~HubServer();

  std::string endpoint() const;
  /// For the requests that come from now on.
  void setFaults(HubFaults faults);
  std::vector<HubRequest> requests();
  const std::string commit;

 private:
  HubFaults faults();
  /// One of `drops` or `busy` less; false where none was left.
  bool useUp(unsigned HubFaults::* count);
  void serve(boost::asio::ip::tcp::acceptor& acceptor);
  void answer(boost::asio::ip::tcp::socket& socket, const std::string& head);
  void sendFile(boost::asio::ip::tcp::socket& socket, const std::string& path,
                const HubRequest& request);
  std::string tree(bool second) const;

  std::string repository_;
  std::map<std::string, std::string> files_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor hub_;
  boost::asio::ip::tcp::acceptor other_;  ///< another origin: where files really are
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<HubRequest> requests_;
  HubFaults faults_;
  std::list<std::jthread> threads_;
};

}  // namespace webpool::functional

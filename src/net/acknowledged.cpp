#include "net/acknowledged.h"

// The C library's own header, which asio includes, knows fewer of the fields and can't be included
// beside this one.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace webpool::net {

std::uint64_t bytesAcknowledged(int socket) noexcept {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_bytes_acked;
}

}  // namespace webpool::net

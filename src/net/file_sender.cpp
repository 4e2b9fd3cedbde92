#include "net/file_sender.h"

#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <ctime>
#include <vector>

namespace webpool::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>());
constexpr std::uint64_t kSlice = 512u << 10;
constexpr std::size_t kCopySlice = 128u << 10;

/// sendfile(2) has no MSG_NOSIGNAL: a SIGPIPE it raises on this thread is held back and taken away,
/// whatever the process does with that signal otherwise.
ssize_t sendfileWithoutSignal(int out, int in, off_t& offset, std::size_t count) {
  sigset_t pipe;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::sigpending(&pending);
  const bool alreadyPending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const auto sent = ::sendfile(out, in, &offset, count);
  const int failure = errno;
  if (sent < 0 && failure == EPIPE && !alreadyPending) {
    const timespec now{};
    while (::sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = failure;
  return sent;
}

error_code shortFile() {
  return make_error_code(boost::system::errc::io_error);
}

template <class Stream>
Awaitable<error_code> copySlice(Stream& stream, int file, off_t& offset, std::uint64_t remaining,
                                std::vector<char>& buffer) {
  buffer.resize(std::min<std::uint64_t>(kCopySlice, remaining));
  const auto got = ::pread(file, buffer.data(), buffer.size(), offset);
  if (got < 0 && errno == EINTR) co_return error_code();
  if (got < 0) co_return error_code(errno, boost::system::system_category());
  if (got == 0) co_return shortFile();
  const auto [error, count] = co_await asio::async_write(
      stream, asio::buffer(buffer.data(), static_cast<std::size_t>(got)), kAwait);
  offset += got;
  co_return error;
}

}  // namespace

Awaitable<error_code> sendFile(Socket& socket, const FileRegion& region,
                               const std::function<void()>& progress) {
  auto offset = static_cast<off_t>(region.offset);
  const auto end = static_cast<off_t>(region.offset + region.length);
  const int file = region.file->get();
  bool copy = false;
  std::vector<char> buffer;
  error_code error;
  socket.native_non_blocking(true, error);
  while (!error && offset < end) {
    const auto remaining = static_cast<std::uint64_t>(end - offset);
    if (copy) {
      error = co_await copySlice(socket, file, offset, remaining, buffer);
      progress();
      continue;
    }
    const auto sent = sendfileWithoutSignal(socket.native_handle(), file, offset,
                                            std::min<std::uint64_t>(kSlice, remaining));
    if (sent > 0) {
      progress();
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable_t<Executor>());
    } else if (sent == 0) {
      error = shortFile();
    } else if (errno == EAGAIN) {
      std::tie(error) = co_await socket.async_wait(asio::socket_base::wait_write, kAwait);
    } else if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EOVERFLOW) {
      copy = true;  // a kind of file that can't
    } else if (errno != EINTR) {
      error.assign(errno, boost::system::system_category());
    }
    if (!socket.is_open()) error = asio::error::operation_aborted;
  }
  co_return error;
}

Awaitable<error_code> sendFile(TlsStream& stream, const FileRegion& region,
                               const std::function<void()>& progress) {
  auto offset = static_cast<off_t>(region.offset);
  const auto end = static_cast<off_t>(region.offset + region.length);
  std::vector<char> buffer;
  error_code error;
  while (!error && offset < end) {
    const auto remaining = static_cast<std::uint64_t>(end - offset);
    error = co_await copySlice(stream, region.file->get(), offset, remaining, buffer);
    progress();
    if (!socketOf(stream).is_open()) error = asio::error::operation_aborted;
  }
  co_return error;
}

}  // namespace webpool::net

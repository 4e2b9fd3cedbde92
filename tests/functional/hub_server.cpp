#include "hub_server.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <charconv>

namespace webpool::functional {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kLfsFrom = 1000;

std::string digestOf(const EVP_MD* kind, const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, kind, nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string blobSha1(const std::string& bytes) {
  return digestOf(EVP_sha1(), fmt::format("blob {}", bytes.size()) + '\0' + bytes);
}

std::string fieldOf(const std::string& head, const std::string& name) {
  const auto at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

void say(tcp::socket& socket, const std::string& bytes) {
  boost::system::error_code ignored;
  asio::write(socket, asio::buffer(bytes), ignored);
}

void reply(tcp::socket& socket, int status, const std::string& fields, const std::string& body) {
  say(socket, fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, fields,
                          body.size(), body));
}

}  // namespace

HubServer::HubServer(std::string repository, std::map<std::string, std::string> files,
                     std::string commitId)
    : commit(std::move(commitId)),
      repository_(std::move(repository)),
      files_(std::move(files)),
      hub_(io_, {asio::ip::make_address("127.0.0.1"), 0}),
      other_(io_, {asio::ip::make_address("127.0.0.1"), 0}) {
  for (auto* acceptor : {&hub_, &other_}) {
    threads_.emplace_back([this, acceptor] { serve(*acceptor); });
  }
}

HubServer::~HubServer() {
  stopping_ = true;
  for (auto* acceptor : {&hub_, &other_}) {
    boost::system::error_code ignored;
    asio::io_context io;
    tcp::socket waker(io);
    waker.connect(acceptor->local_endpoint(), ignored);
  }
}

std::string HubServer::endpoint() const {
  return fmt::format("http://127.0.0.1:{}", hub_.local_endpoint().port());
}

std::vector<HubRequest> HubServer::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HubServer::setFaults(HubFaults faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

HubFaults HubServer::faults() {
  const std::lock_guard lock(mutex_);
  return faults_;
}

bool HubServer::useUp(unsigned HubFaults::* count) {
  const std::lock_guard lock(mutex_);
  if (faults_.*count == 0) return false;
  --(faults_.*count);
  return true;
}

void HubServer::serve(tcp::acceptor& acceptor) {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket(io_);
    acceptor.accept(socket, error);
    if (stopping_ || error) return;
    asio::streambuf buffer;
    asio::read_until(socket, buffer, "\r\n\r\n", error);
    const std::string head(asio::buffers_begin(buffer.data()), asio::buffers_end(buffer.data()));
    if (!error) answer(socket, head);
    socket.shutdown(tcp::socket::shutdown_both, error);
  }
}

void HubServer::answer(tcp::socket& socket, const std::string& head) {
  const auto begin = head.find(' ') + 1;
  const HubRequest request{.method = head.substr(0, begin - 1),
                           .host = fieldOf(head, "Host"),
                           .target = head.substr(begin, head.find(' ', begin) - begin),
                           .authorization = fieldOf(head, "Authorization"),
                           .range = fieldOf(head, "Range"),
                           .ifRange = fieldOf(head, "If-Range")};
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const auto faults = this->faults();
  if (faults.always != 0) return reply(socket, faults.always, "", "no");
  const auto api = "/api/models/" + repository_;
  const auto resolve = "/" + repository_ + "/resolve/" + commit + "/";
  if (request.target == api + "/revision/main" || request.target == api + "/revision/v1") {
    return reply(socket, 200, "", R"({"id":"x","sha":")" + commit + "\"}");
  }
  if (request.target == api + "/tree/" + commit + "?recursive=true") {
    return reply(socket, 200,
                 fmt::format("Link: <{}{}/tree/{}?recursive=true&cursor=2>; rel=\"next\"\r\n",
                             endpoint(), api, commit),
                 tree(false));
  }
  if (request.target == api + "/tree/" + commit + "?recursive=true&cursor=2") {
    return reply(socket, 200, "", tree(true));
  }
  if (request.target.starts_with(resolve)) {
    if (useUp(&HubFaults::busy)) {
      return reply(socket, faults.busyStatus, "Retry-After: 1\r\n", "busy");
    }
    return reply(
        socket, 302,
        fmt::format("Location: http://localhost:{}/blobs/{}\r\nX-Repo-Commit: {}\r\n",
                    other_.local_endpoint().port(), request.target.substr(resolve.size()), commit),
        "");
  }
  if (request.target.starts_with("/blobs/"))
    return sendFile(socket, request.target.substr(7, request.target.find('?') - 7), request);
  reply(socket, 404, "", "not here");
}

void HubServer::sendFile(tcp::socket& socket, const std::string& path, const HubRequest& request) {
  const auto found = files_.find(path);
  if (found == files_.end()) return reply(socket, 404, "", "not here");
  const auto faults = this->faults();
  auto bytes = found->second;
  const auto tag = '"' + digestOf(EVP_sha256(), bytes) + '"';
  if (path == faults.wrongBytesOf) bytes[bytes.size() / 2] ^= 1;
  std::size_t from = 0;
  std::string head = "HTTP/1.1 200 OK\r\n";
  if (!request.range.empty() && !faults.noRanges &&
      (request.ifRange.empty() || request.ifRange == tag)) {
    std::from_chars(request.range.data() + 6, request.range.data() + request.range.size(), from);
    if (faults.wrongRange) from -= 1;
    head = fmt::format("HTTP/1.1 206 Partial\r\nContent-Range: bytes {}-{}/{}\r\n", from,
                       bytes.size() - 1, bytes.size());
  }
  head += fmt::format("ETag: {}\r\nContent-Length: {}\r\n\r\n", tag, bytes.size() - from);
  if (request.method == "HEAD") return say(socket, head);
  auto body = bytes.substr(from);
  const bool held = path == faults.holdAt;
  const bool drop = !held && bytes.size() >= kLfsFrom && useUp(&HubFaults::drops);
  if (held || drop) body.resize(std::min(body.size(), faults.dropAfter));
  say(socket, head + body);
  char byte = 0;
  boost::system::error_code ended;
  while (held && !ended) socket.read_some(asio::buffer(&byte, 1), ended);
}

std::string HubServer::tree(bool second) const {
  boost::json::array entries;
  if (!second) entries.push_back({{"type", "directory"}, {"path", "onnx"}, {"oid", "x"}});
  std::size_t index = 0;
  for (const auto& [path, bytes] : files_) {
    if ((index++ % 2 == 1) != second) continue;
    boost::json::object entry{{"type", "file"}, {"path", path}, {"size", bytes.size()}};
    entry["oid"] = blobSha1(bytes);
    if (bytes.size() >= kLfsFrom) {
      entry["oid"] = std::string(40, 'f');  // of the pointer, which nobody is sent
      entry["lfs"] = boost::json::object{
          {"oid", digestOf(EVP_sha256(), bytes)}, {"size", bytes.size()}, {"pointerSize", 130}};
    }
    entries.push_back(std::move(entry));
  }
  return boost::json::serialize(entries);
}

}  // namespace webpool::functional

// File bodies: sendfile(2) and what it can't do.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "net/server.h"
#include "net/test_server.h"

namespace webpool::net {
namespace {

std::string patternBytes(std::size_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    const auto at = offset + i;
    bytes[i] = static_cast<char>((at * 2654435761u) >> 13 ^ at >> 20);
  }
  return bytes;
}

class FileResponseTest : public ServerTest {
 protected:
  static constexpr std::size_t kSize = (65u << 20) + 4321;

  void SetUp() override {
    file_ = std::make_shared<base::FileDescriptor>(::memfd_create("webpool-test", MFD_CLOEXEC));
    ASSERT_TRUE(file_->valid());
    for (std::size_t at = 0; at < kSize; at += 1u << 20) {
      const auto part = patternBytes(at, std::min<std::size_t>(1u << 20, kSize - at));
      ASSERT_TRUE(base::writeAll(file_->get(), std::as_bytes(std::span(part)), "memfd"));
    }
    start();
    serve("/whole", {file_, 0, kSize});
  }

  void serve(const std::string& path, FileRegion region) {
    onLoop([&] {
      server_->route("GET", path, [region](const Request&, const auto& respond) {
        Response response;
        response.body = region;
        respond(std::move(response));
      });
    });
  }

  std::shared_ptr<base::FileDescriptor> file_;
};

TEST_F(FileResponseTest, BigFileArrivesByteForByte) {
  RawClient client(server_->port());
  const auto response = client.get("/whole", host());
  EXPECT_EQ(response.field("Content-Length"), std::to_string(kSize));
  ASSERT_EQ(response.body.size(), kSize);
  EXPECT_TRUE(response.body == patternBytes(0, kSize));
  EXPECT_EQ(::lseek(file_->get(), 0, SEEK_CUR), static_cast<off_t>(kSize))
      << "the descriptor is shared: its position must not be used";
}

std::string unchunked(std::string_view text) {
  std::string body;
  while (true) {
    const auto end = text.find("\r\n");
    if (end == std::string_view::npos) return body + " (cut off)";
    const auto size = std::stoull(std::string(text.substr(0, end)), nullptr, 16);
    body += text.substr(end + 2, size);
    if (text.substr(end + 2 + size, 2) != "\r\n") return body + " (a chunk that does not end)";
    text.remove_prefix(end + 4 + size);
    if (size == 0) return text.empty() ? body : body + " (more behind the end)";
  }
}

TEST_F(FileResponseTest, AStreamOfTextAndPartsOfFiles) {
  constexpr std::size_t kPart = 5'000'003;
  const auto whole = "head" + patternBytes(3, kPart) + patternBytes(77, 1) + "tail";
  for (const bool told : {false, true}) {
    onLoop([&] {
      server_->route("GET", "/mixed", [&, told](const Request&, const auto& respond) {
        BodyWriter writer;
        Response response;
        auto body = writer.body();
        if (told) body.length = whole.size();
        response.body = std::move(body);
        writer.write("he");
        writer.write("ad");
        writer.write(FileRegion{file_, 3, kPart});
        writer.write(FileRegion{file_, 77, 1});
        writer.write("tail");
        writer.end();
        respond(std::move(response));
      });
    });
    for (const std::string version : {"1.1", "1.0"}) {
      RawClient client(server_->port());
      client.send("GET /mixed HTTP/" + version + "\r\nHost: " + host() +
                  "\r\nConnection: close\r\n\r\n");
      const auto response = client.receive();
      client.readToEnd();
      const auto chunked = response.field("Transfer-Encoding") == "chunked";
      EXPECT_EQ(chunked, !told && version == "1.1");
      const auto rest = response.body + client.pending();
      EXPECT_TRUE((chunked ? unchunked(rest) : rest) == whole) << told << version;
    }
  }
}

TEST_F(FileResponseTest, AChunkThatEndsWithAFileIsWholeBeforeMoreComes) {
  std::unique_ptr<BodyWriter> writer;
  onLoop([&] {
    server_->route("GET", "/slow", [&](const Request&, const auto& respond) {
      writer = std::make_unique<BodyWriter>();
      Response response;
      response.body = writer->body();
      respond(std::move(response));
    });
  });
  RawClient client(server_->port());
  client.get("/slow", host());
  writer->write(FileRegion{file_, 0, 4});
  std::string got(4 + 3 + 2, ' ');
  asio::read(client.socket(), asio::buffer(got));
  EXPECT_EQ(got, "4\r\n" + patternBytes(0, 4) + "\r\n");
  onLoop([&] { writer.reset(); });
}

TEST_F(FileResponseTest, RegionsOfAFile) {
  const std::vector<std::pair<std::size_t, std::size_t>> regions{
      {0, 0}, {0, 1}, {kSize - 1, 1}, {4095, 4098}, {1'000'003, 3'000'017}, {kSize, 0}};
  RawClient client(server_->port());
  for (const auto& [offset, length] : regions) {
    serve("/part", {file_, offset, length});
    const auto response = client.get("/part", host());
    EXPECT_EQ(response.field("Content-Length"), std::to_string(length));
    EXPECT_TRUE(response.body == patternBytes(offset, length)) << offset << "+" << length;
    EXPECT_EQ(client.get("/part", host(), "", "HEAD").field("Content-Length"),
              std::to_string(length));
  }
}

TEST_F(FileResponseTest, ReaderWhoDoesNotReadHoldsUpNobody) {
  RawClient stuck(server_->port());
  stuck.send("GET /whole HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
  serve("/small", {file_, 5, 7});
  RawClient client(server_->port());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(client.get("/small", host()).body, patternBytes(5, 7));
  }
  EXPECT_TRUE(stuck.receive().body == patternBytes(0, kSize));
}

TEST_F(FileResponseTest, PeerThatGoesAwayInTheMiddleEndsOnlyItself) {
  for (int i = 0; i < 5; ++i) {
    RawClient client(server_->port());
    client.send("GET /whole HTTP/1.1\r\nHost: " + host() + "\r\n\r\n");
    char some[1000];
    client.socket().read_some(asio::buffer(some));
    client.abort();
  }
  while (onLoop([&] { return server_->connections(); }) > 0) std::this_thread::yield();
  RawClient client(server_->port());
  EXPECT_EQ(client.get("/whole", host()).body.size(), kSize);
}

TEST_F(FileResponseTest, FileShorterThanSaidEndsTheConnection) {
  serve("/short", {file_, kSize - 10, 20});
  RawClient client(server_->port());
  const auto response = client.get("/short", host());
  EXPECT_EQ(response.field("Content-Length"), "20");
  EXPECT_EQ(response.body, patternBytes(kSize - 10, 10));
  EXPECT_TRUE(client.readToEnd());
}

TEST_F(FileResponseTest, FilesThatSendfileRefusesAreCopied) {
  // This process's memory is such a file; its offsets are addresses.
  const auto memory = patternBytes(0, 3'000'000);
  auto opened = base::openFile("/proc/self/mem", O_RDONLY);
  ASSERT_TRUE(opened);
  serve("/memory", {std::make_shared<base::FileDescriptor>(std::move(*opened)),
                    reinterpret_cast<std::uint64_t>(memory.data()), memory.size()});
  RawClient client(server_->port());
  const auto response = client.get("/memory", host());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.size(), memory.size());
  EXPECT_TRUE(response.body == memory);
}

}  // namespace
}  // namespace webpool::net

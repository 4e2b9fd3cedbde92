#include "sources/ipfs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/file.h"
#include "cid/unixfs.h"
#include "net/http_url.h"
#include "sources/download.h"

namespace webpool::sources {
namespace {

namespace fs = std::filesystem;

/// A tree that is deeper was made to be.
constexpr unsigned kDeepest = 64;

/// A name that leads out of its folder is no name.
bool isPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

std::unexpected<Error> wrong(const cid::Cid& cid, std::string_view what) {
  return fail(ErrorCategory::Integrity, fmt::format("{} {}", cid.text(), what));
}

class Walk {
 public:
  Walk(base::HttpClient& http, const GatewayOptions& options, const store::JobOptions& job,
       std::string name)
      : http_(http), options_(options), job_(job), name_(std::move(name)) {}

  Result<void> write(const cid::Cid& cid, const fs::path& target, unsigned depth) {
    const auto block = fetch(cid);
    if (!block) return std::unexpected(block.error());
    if (cid.codec() == cid::Codec::Raw) {
      base::FileDescriptor file;
      if (auto opened = create(target, file); !opened) return opened;
      return append(file, target, *block);
    }
    const auto node = cid::readUnixFsNode(std::as_bytes(std::span(*block)));
    if (!node) return std::unexpected(node.error());
    if (const auto* folder = std::get_if<cid::DirectoryNode>(&*node)) {
      return writeFolder(cid, *folder, target, depth);
    }
    base::FileDescriptor file;
    if (auto opened = create(target, file); !opened) return opened;
    return appendNode(cid, std::get<cid::FileNode>(*node), file, target, depth);
  }

 private:
  /// The block from the first gateway that has it right.
  Result<std::string> fetch(const cid::Cid& cid) {
    if (cid.codec() != cid::Codec::Raw && cid.codec() != cid::Codec::DagPb) {
      return fail(ErrorCategory::Unsupported, fmt::format("{} is {}, neither a file nor a folder",
                                                          cid.text(), cid::codecName(cid.codec())));
    }
    std::optional<Error> first;
    for (std::size_t i = 0; i < options_.gateways.size(); ++i) {
      // The one that answered last is asked first.
      const auto at = (last_ + i) % options_.gateways.size();
      auto block = fetchFrom(options_.gateways[at], cid);
      if (block) {
        last_ = at;
        return block;
      }
      if (block.error().category == ErrorCategory::Cancelled) return block;
      if (!first) first = block.error();
    }
    return std::unexpected(*first);
  }

  Result<std::string> fetchFrom(const std::string& gateway, const cid::Cid& cid) {
    const auto answer =
        askRepeatedly(http_,
                      {.url = fmt::format("{}/ipfs/{}?format=raw", gateway, cid.text()),
                       .headers = {{"Accept", "application/vnd.ipld.raw"}},
                       .timeout = std::chrono::seconds(60),
                       .maxBodyBytes = cid::kMaxBlock,
                       .maxRedirects = 5},
                      fmt::format("{} at {}", cid.text(), gateway), job_.stop,
                      {.mostFailures = options_.retries});
    if (!answer) return std::unexpected(answer.error());
    if (cid.matches(std::as_bytes(std::span(answer->body)))) return answer->body;
    return wrong(cid, fmt::format("came wrong from {}", gateway));
  }

  Result<void> writeFolder(const cid::Cid& cid, const cid::DirectoryNode& folder,
                           const fs::path& target, unsigned depth) {
    if (depth == 0) return wrong(cid, "lies too deep");
    if (auto made = base::makeFolders(target); !made) return made;
    for (const auto& entry : folder.entries) {
      if (!isPlainName(entry.name)) return wrong(cid, "has an entry whose name leads elsewhere");
      const auto path = target / entry.name;
      std::error_code none;
      if (fs::exists(fs::symlink_status(path, none))) return wrong(cid, "has a name twice");
      if (auto written = write(entry.cid, path, depth - 1); !written) return written;
    }
    return {};
  }

  Result<void> appendNode(const cid::Cid& cid, const cid::FileNode& node,
                          const base::FileDescriptor& file, const fs::path& path, unsigned depth) {
    if (depth == 0) return wrong(cid, "lies too deep");
    if (auto written = append(file, path, node.data); !written) return written;
    for (const auto& part : node.parts) {
      const auto before = done_;
      if (auto written = appendPart(part.cid, file, path, depth - 1); !written) return written;
      if (done_ - before != part.size) return wrong(cid, "says a wrong size of its parts");
    }
    return {};
  }

  Result<void> appendPart(const cid::Cid& cid, const base::FileDescriptor& file,
                          const fs::path& path, unsigned depth) {
    const auto block = fetch(cid);
    if (!block) return std::unexpected(block.error());
    if (cid.codec() == cid::Codec::Raw) return append(file, path, *block);
    const auto node = cid::readUnixFsNode(std::as_bytes(std::span(*block)));
    if (!node) return std::unexpected(node.error());
    const auto* below = std::get_if<cid::FileNode>(&*node);
    if (below == nullptr) return wrong(cid, "is no part of a file");
    return appendNode(cid, *below, file, path, depth);
  }

  Result<void> create(const fs::path& path, base::FileDescriptor& file) {
    file = base::FileDescriptor(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() >= 0) return {};
    return std::unexpected(base::fileError("can't write", path, errno));
  }

  Result<void> append(const base::FileDescriptor& file, const fs::path& path,
                      std::string_view bytes) {
    done_ += bytes.size();
    while (!bytes.empty()) {
      const auto wrote = ::write(file.get(), bytes.data(), bytes.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return std::unexpected(base::fileError("can't write", path, errno));
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (job_.progress) job_.progress({store::Progress::Phase::Fetch, name_, done_, 0});
    return {};
  }

  base::HttpClient& http_;
  const GatewayOptions& options_;
  const store::JobOptions& job_;
  std::string name_;
  std::size_t last_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<cid::Cid> parseIpfsAddress(std::string_view text) {
  for (const std::string_view prefix : {"ipfs://", "ipfs:", "/ipfs/"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  auto parsed = cid::Cid::parse(text);
  if (parsed) return parsed;
  auto error = parsed.error();
  error.message = fmt::format("'{}' is no CID: {}", text, error.message);
  if (error.hint.empty()) error.hint = "give ipfs:// and the CID of a model's file or folder";
  return std::unexpected(std::move(error));
}

Result<void> fetchFromGateways(base::HttpClient& http, const cid::Cid& root, const fs::path& target,
                               const GatewayOptions& options, const store::JobOptions& job) {
  if (options.gateways.empty()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is not here, and no gateway is named", root.text()),
                "give --gateway https://HOST, or set WEBPOOL_GATEWAY");
  }
  auto cleaned = options;
  for (auto& gateway : cleaned.gateways) {
    while (gateway.ends_with('/')) gateway.pop_back();
    const auto url = net::parseHttpUrl(gateway);
    if (!url) return std::unexpected(url.error());
    if (!url->tls && !url->isLoopback()) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("the gateway {} is not encrypted", url->origin()),
                  "use its https:// address; http:// is for this machine only");
    }
  }
  return Walk(http, cleaned, job, root.text()).write(root, target, kDeepest);
}

}  // namespace webpool::sources

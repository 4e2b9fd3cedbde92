#include "sources/web.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "cid/sha256.h"
#include "net/http_url.h"
#include "sources/download.h"
#include "store/model_layout.h"
#include "store/model_repository.h"

namespace webpool::sources {
namespace {

Result<void> checkEncrypted(const net::HttpUrl& url, bool insecure) {
  if (url.tls || url.isLoopback() || insecure) return {};
  return fail(ErrorCategory::InvalidArgument, fmt::format("{} is not encrypted", url.origin()),
              "use an https:// address, or --insecure-http, best with --sha256");
}

Result<void> checkHash(std::string_view sha256) {
  if (sha256.empty() || (sha256.size() == 64 &&
                         sha256.find_first_not_of("0123456789abcdef") == std::string_view::npos)) {
    return {};
  }
  return fail(ErrorCategory::InvalidArgument, "--sha256 is no SHA-256",
              "give its 64 hexadecimal digits in lower case");
}

}  // namespace

Result<WebFile> fetchFromWeb(base::HttpClient& http, const std::string& address,
                             const WebOptions& options, const store::JobOptions& job) {
  const auto url = net::parseHttpUrl(address);
  if (!url) return std::unexpected(url.error());
  if (auto safe = checkEncrypted(*url, options.insecureHttp); !safe) {
    return std::unexpected(safe.error());
  }
  if (auto right = checkHash(options.sha256); !right) return std::unexpected(right.error());
  const auto path = url->target.substr(0, url->target.find('?'));
  const auto name = path.substr(path.rfind('/') + 1);
  if (!store::isGraphPath(name) || !store::checkModelName(name)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the address at {} ends in no .onnx or .gguf file", url->origin()),
                "give the address of such a file");
  }
  const auto what = fmt::format("{} at {}", name, url->origin());
  auto head =
      askRepeatedly(http, {.method = "HEAD", .url = address, .maxRedirects = 10}, what, job.stop);
  if (!head) {
    auto error = head.error();
    if (error.category == ErrorCategory::Unauthorized) {
      error.hint = "webpool sends no password to web addresses: fetch the file, then add its path";
    }
    return std::unexpected(std::move(error));
  }
  if (auto safe = checkEncrypted(*net::parseHttpUrl(head->url), options.insecureHttp); !safe) {
    return std::unexpected(safe.error());
  }
  std::uint64_t size = 0;
  const auto length = base::headerOf(head->headers, "Content-Length");
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), size);
  if (length.empty() || parsed.ec != std::errc()) {
    return fail(ErrorCategory::Fetch, what + " has no size", "fetch the file, then add its path");
  }
  const auto key = address + "\n" + options.sha256;
  auto locked = LockedFolder::open(
      options.downloads / cid::hexText(cid::sha256(std::as_bytes(std::span(key)))).substr(0, 32),
      job.stop, [&] {
        if (job.progress) job.progress({store::Progress::Phase::Wait, name, 0, 0});
      });
  if (!locked) return std::unexpected(locked.error());
  const auto& folder = locked->path();
  if (auto made = base::makeFolders(folder / "file"); !made) return std::unexpected(made.error());
  const auto part = folder / "part";
  const DownloadRequest request{
      .url = address, .target = part, .size = size, .sha256 = options.sha256, .name = what};
  auto fetched = download(http, request, job.stop, [&](std::uint64_t there) {
    if (job.progress) job.progress({store::Progress::Phase::Fetch, name, there, size});
  });
  if (!fetched) return std::unexpected(fetched.error());
  auto file = folder / "file" / name;
  std::error_code failure;
  std::filesystem::rename(part, file, failure);
  if (failure) return std::unexpected(base::fileError("can't move", part, failure.value()));
  boost::json::object origin{{"kind", "url"}, {"url", url->origin() + path}};
  if (!options.sha256.empty()) origin["sha256"] = options.sha256;
  return WebFile{std::move(file), boost::json::serialize(origin), std::move(*locked)};
}

}  // namespace webpool::sources

#include "sources/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "base/file.h"
#include "cid/sha256.h"

namespace webpool::sources {
namespace {

constexpr base::Duration kWholeFile = std::chrono::hours(24);
constexpr base::Duration kStall = std::chrono::seconds(60);
constexpr unsigned kRedirects = 10;
constexpr std::uint64_t kSlack = 1u << 20;  ///< beyond the size: what is too long shows by its hash

/// SHA-256, or SHA-1 as git names a blob.
class Hash {
 public:
  Hash(bool sha256, std::uint64_t size) : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), sha256 ? EVP_sha256() : EVP_sha1(), nullptr);
    if (!sha256) {
      const auto head = fmt::format("blob {}", size);
      EVP_DigestUpdate(context_.get(), head.c_str(), head.size() + 1);  // with its zero byte
    }
  }
  void update(std::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string hex() {
    std::byte digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest), &size);
    return cid::hexText(std::span(digest).first(size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

Result<void> waitFor(base::Duration time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "given up while waiting");
  return {};
}

std::filesystem::path tagPath(const std::filesystem::path& target) {
  return target.native() + ".etag";
}

class Download {
 public:
  Download(base::HttpClient& http, const DownloadRequest& request, std::stop_token stop,
           const std::function<void(std::uint64_t)>& progress)
      : http_(http),
        request_(request),
        stop_(std::move(stop)),
        progress_(progress),
        rule_(request.retry) {}

  Result<void> run() {
    auto file = base::openFile(request_.target, O_RDWR | O_CREAT, 0600);
    if (!file) return std::unexpected(file.error());
    file_ = std::move(*file);
    struct stat status{};
    if (::fstat(file_.get(), &status) != 0) return writeError(errno);
    have_ = static_cast<std::uint64_t>(status.st_size);
    if (have_ > request_.size) {
      if (auto begun = startOver(); !begun) return begun;
    }
    for (bool again = have_ > 0;; again = false) {
      if (auto fetched = fetchRest(); !fetched) return fetched;
      auto right = hasRightHash();
      if (!right) return std::unexpected(right.error());
      if (*right) {
        std::error_code ignored;
        std::filesystem::remove(tagPath(request_.target), ignored);
        return {};
      }
      if (auto begun = startOver(); !begun) return begun;
      // What an earlier call left may have been of another time: once more from the beginning.
      if (!again) break;
    }
    std::error_code ignored;
    std::filesystem::remove(request_.target, ignored);
    return fail(
        ErrorCategory::Integrity,
        fmt::format("{} does not have the hash that the source lists for it", request_.name),
        "nothing of it was stored; try again, or ask who runs the source");
  }

 private:
  Result<void> fetchRest() {
    while (have_ < request_.size) {
      if (have_ > 0 && !hasHash() && tag().empty()) {
        if (auto begun = startOver(); !begun) return begun;
      }
      const auto before = have_;
      startAgain_ = false;
      auto answer = http_.request(rangeRequest(), stop_);
      std::optional<base::Duration> asked;
      Error error;
      if (answer) {
        const int status = answer->status;
        if (have_ == request_.size) return {};
        if (status == 416) {
          if (auto begun = startOver(); !begun) return begun;
          error = errorOf(*answer, request_.name);
        } else if (status == 200 || status == 206) {
          error = {ErrorCategory::Fetch,
                   fmt::format("{} ends after {} of {} bytes", request_.name, have_, request_.size),
                   "try again"};
        } else {
          error = errorOf(*answer, request_.name);
          if (!isForTheMoment(status)) return std::unexpected(std::move(error));
          asked = retryAfter(base::headerOf(answer->headers, "Retry-After"));
        }
      } else if (startAgain_) {
        if (auto begun = startOver(); !begun) return begun;
        error = answer.error();
      } else if (answer.error().category == ErrorCategory::Fetch ||
                 answer.error().category == ErrorCategory::Timeout) {
        error = answer.error();
      } else {
        return std::unexpected(std::move(answer.error()));
      }
      const auto wait = rule_.failed(have_ > before ? have_ - before : 0, asked);
      if (!wait) return std::unexpected(std::move(error));
      if (auto waited = waitFor(*wait, stop_); !waited) return waited;
    }
    return {};
  }

  bool hasHash() const { return !request_.sha256.empty() || !request_.blobSha1.empty(); }

  /// Of what the bytes that are there began; empty where none is known.
  std::string tag() const {
    return base::readFile(tagPath(request_.target), 1024).value_or(std::string());
  }

  base::HttpRequest rangeRequest() {
    base::HttpRequest request{.url = request_.url,
                              .headers = request_.headers,
                              .timeout = kWholeFile,
                              .stallTimeout = kStall,
                              .maxBodyBytes = request_.size + kSlack,
                              .maxRedirects = kRedirects};
    request.headers.emplace_back("Accept-Encoding", "identity");
    if (have_ > 0) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", have_));
      if (auto known = tag(); !known.empty()) {
        request.headers.emplace_back("If-Range", std::move(known));
      }
    }
    begun_ = false;
    request.onBody = [this](const base::HttpResponse& head, std::string_view piece) {
      return take(head, piece);
    };
    return request;
  }

  Result<void> take(const base::HttpResponse& head, std::string_view piece) {
    if (!begun_) {
      begun_ = true;
      const auto range = base::headerOf(head.headers, "Content-Range");
      const auto placement = placementOf(head.status, range, have_, request_.size);
      if (placement != Placement::Append && head.status != 200) {
        startAgain_ = true;
        return fail(ErrorCategory::Fetch,
                    fmt::format("{} was sent from another place than asked for", request_.name),
                    "try again");
      }
      if (placement != Placement::Append) {
        if (auto begun = startOver(); !begun) return begun;
      }
      if (have_ == 0) {
        const auto tag = strongTag(base::headerOf(head.headers, "ETag"));
        auto kept = base::writeFileAtomically(tagPath(request_.target), tag, 0600);
        if (!kept) return kept;
      }
    }
    if (have_ + piece.size() > request_.size) {
      startAgain_ = true;
      return fail(ErrorCategory::Fetch,
                  fmt::format("{} is longer than the {} bytes that are listed", request_.name,
                              request_.size),
                  "try again");
    }
    while (!piece.empty()) {
      const auto wrote =
          ::pwrite(file_.get(), piece.data(), piece.size(), static_cast<off_t>(have_));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return writeError(errno);
      piece.remove_prefix(static_cast<std::size_t>(wrote));
      have_ += static_cast<std::uint64_t>(wrote);
    }
    if (progress_) progress_(have_);
    return {};
  }

  Result<void> startOver() {
    if (::ftruncate(file_.get(), 0) != 0) return writeError(errno);
    have_ = 0;
    return {};
  }

  Result<bool> hasRightHash() {
    if (!hasHash()) return true;
    Hash hash(!request_.sha256.empty(), request_.size);
    std::vector<char> buffer(1u << 20);
    for (std::uint64_t at = 0;;) {
      if (stop_.stop_requested()) return fail(ErrorCategory::Cancelled, "given up");
      const auto got = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::unexpected(base::fileError("can't read", request_.target, errno));
      if (got == 0) break;
      hash.update({buffer.data(), static_cast<std::size_t>(got)});
      at += static_cast<std::uint64_t>(got);
    }
    return hash.hex() == (request_.sha256.empty() ? request_.blobSha1 : request_.sha256);
  }

  std::unexpected<Error> writeError(int code) const {
    return std::unexpected(base::fileError("can't write", request_.target, code));
  }

  base::HttpClient& http_;
  const DownloadRequest& request_;
  std::stop_token stop_;
  const std::function<void(std::uint64_t)>& progress_;
  RetryRule rule_;
  base::FileDescriptor file_;
  std::uint64_t have_ = 0;
  bool begun_ = false;
  bool startAgain_ = false;
};

}  // namespace

Error errorOf(const base::HttpResponse& response, const std::string& what) {
  const int status = response.status;
  if (status == 401 || status == 403) {
    return {ErrorCategory::Unauthorized, fmt::format("{} is refused (HTTP {})", what, status),
            "set HF_TOKEN to a token that may read it; a gated model's terms are accepted on its "
            "page first. Some hubs answer so too where there is no such repository"};
  }
  if (status == 404) {
    return {ErrorCategory::NotFound, fmt::format("there is no {} (HTTP 404)", what),
            "check the name and the revision"};
  }
  return {ErrorCategory::Fetch, fmt::format("{} can't be had: HTTP {}", what, status),
          isForTheMoment(status) ? "try again later" : "check the address of the source"};
}

Result<void> download(base::HttpClient& http, const DownloadRequest& request, std::stop_token stop,
                      const std::function<void(std::uint64_t)>& progress) {
  return Download(http, request, std::move(stop), progress).run();
}

Result<base::HttpResponse> askRepeatedly(base::HttpClient& http, const base::HttpRequest& request,
                                         const std::string& what, std::stop_token stop,
                                         RetryOptions retry) {
  RetryRule rule(retry);
  while (true) {
    auto answer = http.request(request, stop);
    if (answer && answer->status == 200) return answer;
    std::optional<base::Duration> asked;
    auto error = answer ? errorOf(*answer, what) : answer.error();
    if (answer) {
      if (!isForTheMoment(answer->status)) return std::unexpected(std::move(error));
      asked = retryAfter(base::headerOf(answer->headers, "Retry-After"));
    } else if (error.category != ErrorCategory::Fetch && error.category != ErrorCategory::Timeout) {
      return std::unexpected(std::move(error));
    }
    const auto wait = rule.failed(0, asked);
    if (!wait) return std::unexpected(std::move(error));
    if (auto waited = waitFor(*wait, stop); !waited) return std::unexpected(waited.error());
  }
}

}  // namespace webpool::sources

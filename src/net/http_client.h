// HTTP and HTTPS as a client: one connection a request, so that nothing is kept that could be
// stale; but for requests that ask for one that is kept.
#pragma once

#include <memory>
#include <string>

#include "base/http_client.h"

namespace webpool::net {

struct HttpUrl;

struct HttpClientOptions {
  /// PEM of authorities that are trusted beside the system's own.
  std::string moreAuthorities = {};
};

/// Certificates and names are always checked, TLS 1.2 or newer. Thread-safe; outlives its calls.
class HttpClient final : public base::HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient() override;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<base::HttpResponse> request(const base::HttpRequest& request,
                                     std::stop_token stop) override;

 private:
  struct Trust;
  struct Kept;
  /// Without redirects.
  Result<base::HttpResponse> exchange(const HttpUrl& url, const base::HttpRequest& request,
                                      const std::stop_token& stop);

  std::unique_ptr<Trust> trust_;
  std::unique_ptr<Kept> kept_;
};

}  // namespace webpool::net

// HTTP and HTTPS as a client: one connection a request, so that nothing is kept that could be
// stale.
#pragma once

#include <memory>
#include <string>

#include "base/http_client.h"

namespace webpool::net {

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
  std::unique_ptr<Trust> trust_;
};

}  // namespace webpool::net

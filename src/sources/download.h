// Brings one file whose hash is known from HTTP to the disk, in as many attempts as it takes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/http_client.h"
#include "sources/download_rules.h"

namespace webpool::sources {

struct DownloadRequest {
  std::string url;
  base::HttpHeaders headers = {};
  std::filesystem::path target;  ///< what an earlier call left there is gone on with
  std::uint64_t size = 0;
  std::string sha256 = {};    ///< hex; else
  std::string blobSha1 = {};  ///< git's hash of a blob, hex; neither: any bytes of that size, gone
                              ///< on with only under an entity tag
  std::string name = {};      ///< for messages
  RetryOptions retry = {};
};

/// The error for a status that is no success. `what` is what was asked for.
Error errorOf(const base::HttpResponse& response, const std::string& what);

/// Blocks. Afterwards `target` holds exactly those bytes. Integrity when they have another hash,
/// also from the beginning: then nothing is left. Cancelled, Fetch, Timeout and NoSpace leave what
/// came, for the next call. `progress` is told the bytes that are there.
Result<void> download(base::HttpClient& http, const DownloadRequest& request, std::stop_token stop,
                      const std::function<void(std::uint64_t)>& progress);

/// A request whose answer is small, tried again where that can help. Any final answer but 200 is an
/// error.
Result<base::HttpResponse> askRepeatedly(base::HttpClient& http, const base::HttpRequest& request,
                                         const std::string& what, std::stop_token stop,
                                         RetryOptions retry = {});

}  // namespace webpool::sources

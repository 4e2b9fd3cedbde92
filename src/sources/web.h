// A single model file from a web address.
#pragma once

#include <filesystem>
#include <string>

#include "base/http_client.h"
#include "sources/locked_folder.h"
#include "store/progress.h"

namespace webpool::sources {

struct WebOptions {
  std::string sha256;         ///< lower-case hex; empty: TLS alone vouches for the bytes
  bool insecureHttp = false;  ///< http:// to other machines too
  std::filesystem::path downloads;
};

/// The file on the disk, in a folder that is the caller's to remove once it is imported.
struct WebFile {
  std::filesystem::path path;
  std::string origin;  ///< as in store::Pin; without the query, which may hold a secret
  LockedFolder folder;
};

/// Blocks, as long as the download takes. InvalidArgument for an address that ends in no .onnx or
/// .gguf file or is not encrypted; NotFound, Unauthorized, Fetch, Timeout, NoSpace, Cancelled (what
/// came is gone on with the next time); Integrity for another hash.
Result<WebFile> fetchFromWeb(base::HttpClient& http, const std::string& address,
                             const WebOptions& options, const store::JobOptions& job);

}  // namespace webpool::sources

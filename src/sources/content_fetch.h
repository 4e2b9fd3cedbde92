// Content that is not here, from whoever has it: out of several servers at once, checked block by
// block, into the content store.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_client.h"
#include "sources/block_fetch.h"
#include "sources/content_servers.h"
#include "store/content_store.h"

namespace webpool::sources {

struct BytesOf {
  std::string source;  ///< "store", "kubo", or a server's address
  std::uint64_t bytes = 0;
  bool lied = false;  ///< and was asked nothing more
  std::string error;  ///< the last one; may be empty
};

struct Fetched {
  cid::Cid root;
  std::vector<BytesOf> sources;  ///< all that were asked, what was here first
};

struct ContentFetchOptions {
  ContentSettings settings;
  std::filesystem::path data;  ///< $WEBPOOL_DATA_DIR: downloads and measurements lie there
  BlockFetchOptions blocks = {};
};

/// For one piece of content. Not thread-safe.
class ContentFetch {
 public:
  /// `store` and `http` outlive it. InvalidArgument for addresses that are none.
  static Result<std::unique_ptr<ContentFetch>> begin(store::ContentStore& store,
                                                     base::HttpClient& http,
                                                     ContentFetchOptions options);
  ~ContentFetch();

  /// The CID at a path below a root; blocks on the way are fetched.
  Result<cid::Cid> resolve(const cid::Cid& root, std::string_view path,
                           const std::stop_token& stop);

  /// Brings all that lies below `root`, and pins it. A file in the store's layout is kept in one
  /// piece, others in blocks. What had come before a kill or a failure is not fetched again.
  /// Blocks, as long as it takes. NotFound where nobody has it, Fetch, Timeout; Integrity where all
  /// that came was wrong, or what is here is damaged and there is no source; each names the
  /// servers' reasons. Unsupported, Protocol, NoSpace, Storage, Cancelled.
  Result<Fetched> fetch(const cid::Cid& root, const store::Pin& pin, const store::JobOptions& job);

  /// Brings one file in the store's layout to `target`, which must not exist, without storing it.
  /// As fetch(); Unsupported for other layouts.
  Result<void> fetchFile(const cid::Cid& file, const std::filesystem::path& target,
                         const store::JobOptions& job);

  /// Who gave what until now.
  std::vector<BytesOf> sources() const;

 private:
  ContentFetch(store::ContentStore& store, base::HttpClient& http, ContentFetchOptions options);
  struct State;
  std::unique_ptr<State> state_;
};

/// What a person is told of one that lied.
std::string liarText(const BytesOf& liar);

/// "kubo 3 MiB, https://HOST 5 MiB" is up to the caller; this is JSON: {"kubo": 123, …}, those that
/// gave nothing left out.
std::string sourcesJson(const std::vector<BytesOf>& sources);

}  // namespace webpool::sources

// What a pool fetches of models: the files of the catalogue's, before their packages are asked, and
// whole trees by their CIDs.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sources/content_fetch.h"
#include "store/source.h"

namespace webpool::sources {

using SourcesReport = std::function<void(const std::vector<BytesOf>&)>;

/// Asks the settings' servers, and a Kubo for what it has. One that does not answer soon costs
/// little: there are the packages. `store` and `http` outlive it. `report` is told after each file
/// who gave what, also where it failed; on the thread that fetched. InvalidArgument for addresses
/// that are none.
Result<std::unique_ptr<store::FileFetcher>> catalogueFetcher(store::ContentStore& store,
                                                             base::HttpClient& http,
                                                             ContentFetchOptions options,
                                                             SourcesReport report = {});

/// Brings all below a root and pins it, as ContentFetch::fetch() says. Blocks.
using TreeFetcher = std::function<Result<void>(const cid::Cid& root, const store::Pin& pin,
                                               const store::JobOptions& job)>;

/// As catalogueFetcher().
Result<TreeFetcher> treeFetcher(store::ContentStore& store, base::HttpClient& http,
                                ContentFetchOptions options, SourcesReport report = {});

}  // namespace webpool::sources

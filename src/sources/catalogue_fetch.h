// Files of the catalogue's models from whoever has them, before their packages are asked.
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

}  // namespace webpool::sources

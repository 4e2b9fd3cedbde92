// Files of the catalogue's models from whoever has them, before their packages are asked.
#pragma once

#include <memory>

#include "sources/content_fetch.h"
#include "store/source.h"

namespace webpool::sources {

/// Asks the settings' servers, and a Kubo for what it has. One that does not answer soon costs
/// little: there are the packages. `store` and `http` outlive it. InvalidArgument for addresses
/// that are none.
Result<std::unique_ptr<store::FileFetcher>> catalogueFetcher(store::ContentStore& store,
                                                             base::HttpClient& http,
                                                             ContentFetchOptions options);

}  // namespace webpool::sources

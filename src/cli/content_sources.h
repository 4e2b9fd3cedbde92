// Where the commands get content from that is not here (docs/store.md#sources).
#pragma once

#include <boost/json/array.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "sources/content_fetch.h"

namespace webpool::cli {

/// What the flags say, else the environment, else the file.
Result<sources::ContentSettings> contentSettings(const Context& context, const SourceFlags& flags);

/// `store` outlives it.
Result<std::unique_ptr<sources::ContentFetch>> beginFetch(const Context& context,
                                                          store::ContentStore& store,
                                                          const SourceFlags& flags);

/// Those that sent wrong bytes, by their names.
boost::json::array liarsArray(const std::vector<sources::BytesOf>& sources);

/// To standard error, unless nothing was asked: what came from where, and who lied.
void reportSources(const Context& context, const std::vector<sources::BytesOf>& sources);

}  // namespace webpool::cli

// The Content-Type of a file of a source.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/gateway/source.h"

namespace webpool::api::gateway {

/// By the name, else by the file's first bytes: of `whole`, or read from its blocks. Bytes that
/// can't be read say nothing; Protocol where the blocks are no good file.
Result<std::string> contentTypeOfFile(Source& source, const cid::Cid& file,
                                      const std::optional<Content>& whole, std::uint64_t size,
                                      std::string_view name);

}  // namespace webpool::api::gateway
